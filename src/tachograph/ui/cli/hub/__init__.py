"""Commands of a hub: serve one, join one, and see the machines in it."""
