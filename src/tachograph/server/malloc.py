"""Keeps the server small: threads that come and go leave what they freed to all, and long answers give it back."""

import contextlib
import ctypes
import gc
import sys


def spare_memory() -> None:
    """Let the threads that answer share what they free: with glibc each keeps an arena of its own, some 10 MB in all."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).mallopt(-8, 1)  # M_ARENA_MAX


LONG_BYTES = 200_000  # an answer after which it is worth some 20 ms to tidy up


def trim_memory() -> None:
    """Give back what a long answer has freed, and what it left in cycles: templates do."""
    gc.collect()
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
