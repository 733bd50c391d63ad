"""Pages of a team on its hub: the frame, charts and tables of the dashboard over the hub's answers."""
