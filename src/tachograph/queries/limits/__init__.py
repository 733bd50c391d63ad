"""Answers about limits: current values, history, pace, conflicts, guard."""
