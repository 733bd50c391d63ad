"""One-time actions at a person's request: detection, consent, status line, autostart, doctor, recovery."""
