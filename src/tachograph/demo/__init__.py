"""Invented but lifelike transcripts, seeded: the demo and the tests use the same ones."""
