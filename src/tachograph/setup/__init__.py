"""What changes something outside the reports, on a person's word."""
