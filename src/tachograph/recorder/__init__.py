"""Carries what the sources say into the ledger."""
