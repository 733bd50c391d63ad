"""What listens on this machine's loopback: one gate for everything that does, and the bridge behind it."""
