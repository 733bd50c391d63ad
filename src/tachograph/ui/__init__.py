"""What a person sees: answers become text, tables, JSON and CSV."""
