"""Limits of a plan and readings of them: values and rules."""
