"""Answers about tokens, cost, sessions and projects."""
