"""Memory of the server: threads share what they free, and long answers give it back to the system."""

import contextlib
import ctypes
import gc
import sys


def share_arenas() -> None:
    """Let all threads share what they free: with glibc each keeps an arena of its own, some 10 MB in all."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).mallopt(-8, 1)  # M_ARENA_MAX


LONG_BYTES = 200_000  # of an answer after which tidying is worth some 20 ms


def trim_memory() -> None:
    """Give freed memory back to the system, cycles of templates included."""
    gc.collect()
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
