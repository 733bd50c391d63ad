"""Pages of the dashboard, one module each; large ones have a module per section."""
