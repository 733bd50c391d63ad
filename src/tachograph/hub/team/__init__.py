"""What a team asks of its hub: spend, limits, members; each answer as one viewer may see it."""
