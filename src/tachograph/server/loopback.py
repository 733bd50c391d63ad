"""A listening socket on this machine's loopback, and on nothing else."""

import socket
import sys

HOST = "127.0.0.1"


def listen(port: int) -> socket.socket:
    """A listening socket on loopback. Raises OSError if the port is taken; no other port is tried."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if sys.platform == "win32":
            made.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((HOST, port))
        made.listen(128)
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    return made
