"""Services inside the recorder, such as a listener on loopback. Each may fail; the recorder goes on.

A service does its work in threads of its own. Whoever starts the recorder brings the services along (the recorder knows
none of them by name), and what they are doing is said to people by `tachograph status` and `doctor`.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from tachograph.ledger.storage.connection import Ledger

OFF, RUNNING, FAILED = "off", "running", "failed"


class Status(NamedTuple):
    """State of a service: one of the above, and a sentence for people without an end mark ("" for none).

    What failed is tried again by the service itself, at its own pace.
    """

    state: str
    text: str = ""


class Service(Protocol):
    """`tick` is called in the recorder's thread after every step, every few seconds: it starts or stops its
    listener and returns quickly. An idle service costs nothing: its imports happen when it first runs."""

    @property
    def name(self) -> str: ...

    def tick(self, ledger: Ledger) -> Status: ...

    def stop(self) -> None: ...


class Services:
    """All of them. `say` hears of each change for the worse once; `tell` is given every status when one has changed."""

    def __init__(
        self,
        services: Sequence[Service],
        say: Callable[[str], None],
        tell: Callable[[dict[str, Status]], None] = lambda _: None,
    ) -> None:
        self._services, self._say, self._tell = services, say, tell
        self._known: dict[str, Status] = {}

    def tick(self, ledger: Ledger) -> None:
        """Call each service. Never raises."""
        found = {service.name: self._one(service, ledger) for service in self._services}
        if found == self._known:
            return
        for name, status in found.items():
            before = self._known.get(name, Status(OFF))
            if status != before and (status.text or status.state != before.state):
                self._say(f"{name}: {status.text or status.state}.")
        self._known = found
        self._tell(found)

    def stop(self) -> None:
        """End all of them. Never raises."""
        for service in self._services:
            try:
                service.stop()
            except Exception as error:  # noqa: BLE001 - the recorder ends whatever a service does
                self._say(f"{service.name} did not end well: {error}.")

    @staticmethod
    def _one(service: Service, ledger: Ledger) -> Status:
        try:
            return service.tick(ledger)
        except Exception as error:  # noqa: BLE001 - a service that fails does not stop the recorder
            return Status(FAILED, f"it failed: {type(error).__name__}: {error}")
