"""A hub: several machines of one person (and later a team) exchange what their ledgers know."""
