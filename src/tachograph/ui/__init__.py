"""Views for people: answers become text, tables, JSON and CSV."""
