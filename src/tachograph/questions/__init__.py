"""Everything a person may ask: ledger in, frozen answers out, no formatting."""
