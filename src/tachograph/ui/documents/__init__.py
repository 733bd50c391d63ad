"""Answers as table, JSON or CSV."""
