"""The pages of the dashboard: each a list of blocks, and each block a question and the template that shows its answer."""
