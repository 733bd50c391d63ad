"""Privacy in a team: who may see whom, and sums that reveal no single person."""
