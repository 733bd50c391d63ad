"""Tables of messages, sessions, files and their totals."""
