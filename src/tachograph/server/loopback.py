"""A listening socket on this machine's loopback, and on nothing else."""

import socket
import sys

HOST = "127.0.0.1"


def bound(port: int) -> socket.socket:
    """A listening socket on loopback. OSError where the port is taken: nothing else is ever tried instead."""
    plug = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if sys.platform == "win32":
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        plug.bind((HOST, port))
        plug.listen(128)
        plug.setblocking(False)
    except OSError:
        plug.close()
        raise
    return plug
