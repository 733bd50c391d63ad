"""Claude Code transcripts: which files, their new lines, what a line says."""
