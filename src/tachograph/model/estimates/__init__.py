"""Learned weights, attribution and forecasts: arithmetic without I/O."""
