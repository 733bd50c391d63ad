"""Questions of a team to its hub: spend, limits, members; each answer as one viewer may see it."""
