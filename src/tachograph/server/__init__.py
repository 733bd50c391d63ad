"""Loopback HTTP infrastructure: request guard, access keys, listener."""
