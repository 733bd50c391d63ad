"""A pause of Python's cyclic garbage collector while a parcel of facts is packed or unpacked.

A parcel is a hundred thousand small lists without a cycle. The collector walks them several times while they are made,
which takes as long as all the other work on them.
"""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_pauses = 0
_was_enabled = False


@contextmanager
def paused_collector() -> Iterator[None]:
    """Collect no cycles meanwhile, in any thread; afterwards as before. Pauses of several threads may overlap."""
    global _pauses, _was_enabled
    with _lock:
        if not _pauses:
            _was_enabled = gc.isenabled()
            gc.disable()
        _pauses += 1
    try:
        yield
    finally:
        with _lock:
            _pauses -= 1
            if not _pauses and _was_enabled:
                gc.enable()
