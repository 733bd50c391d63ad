"""Tachograph: how much of your Claude plan you have used, and where it went."""

__version__ = "0.1.0"
