"""Tables of readings, windows, accounts, polls, pairings and notifications."""
