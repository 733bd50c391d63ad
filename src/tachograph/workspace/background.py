"""State of the background processes, for screens."""

from tachograph import background
from tachograph.paths import Paths
from tachograph.recorder.services import FAILED

Lock = background.Lock  # held by the one process of its kind


def is_recorder_running(paths: Paths) -> bool:
    """True while the recorder's lock is held."""
    return background.running(paths) is not None


def failed_service(paths: Paths) -> str:
    """Name and problem of a service inside the recorder that failed; "" if none did."""
    found = background.running(paths)
    services = found.services if found is not None else ()
    return next((f"{name}: {text}" for name, state, text in services if state == FAILED), "")
