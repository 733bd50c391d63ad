"""Keeps the server small: threads that come and go leave what they freed to all, and long answers give it back."""

import contextlib
import ctypes
import sys


def spare_memory() -> None:
    """Let the threads that answer share what they free: with glibc each keeps an arena of its own, some 10 MB in all."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).mallopt(-8, 1)  # M_ARENA_MAX


def trim_memory() -> None:
    """Give back what a long answer has freed."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
