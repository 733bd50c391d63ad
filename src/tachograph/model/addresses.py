"""Names of this machine's loopback, to which plain http may go."""

LOOPBACK_HOSTS = ("127.0.0.1", "::1", "localhost")
