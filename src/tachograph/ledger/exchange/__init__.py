"""Facts of the ledger that travel between a person's machines: change tracking, reading them out, writing them in."""
