"""An open ledger with settings, prices and calendar, and how to follow its changes."""
