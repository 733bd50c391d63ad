"""Every number, duration and sentence a person reads."""
