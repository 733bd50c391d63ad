"""HTTP on loopback: the gate, keys and sessions, and the bridge's server."""
