"""The local page: limits, usage, sessions, pull requests and settings over loopback."""
