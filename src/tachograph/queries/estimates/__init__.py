"""Answers about attribution, forecasts and what-if."""
