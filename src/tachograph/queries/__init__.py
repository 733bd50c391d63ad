"""Everything a person or program may ask: ledger in, frozen answers out."""
