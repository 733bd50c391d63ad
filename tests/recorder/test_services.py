"""What runs inside the recorder: it is told when it starts to fail, and whatever it does, the recorder goes on."""

from helpers import NOW, Home, MovedClock
from tachograph import background
from tachograph.ledger.storage.connection import Ledger
from tachograph.paths import own_paths
from tachograph.recorder.services import FAILED, OFF, RUNNING, Services, Status


class Scripted:
    """A service that does at each tick what a test says."""

    def __init__(self, *ticks: Status | Exception, name: str = "Listener") -> None:
        self.ticks, self.stops, self.name = list(ticks), 0, name

    def tick(self, ledger: Ledger) -> Status:
        said = self.ticks.pop(0) if len(self.ticks) > 1 else self.ticks[0]
        if isinstance(said, Exception):
            raise said
        return said

    def stop(self) -> None:
        self.stops += 1
        raise RuntimeError("will not")


def test_a_change_is_said_once_and_a_service_that_fails_stops_nothing(home: Home) -> None:
    said: list[str] = []
    told: list[dict[str, Status]] = []
    broken = Scripted(Status(OFF), ValueError("no"), ValueError("no"), Status(RUNNING, "listening at 127.0.0.1:1"))
    quiet = Scripted(Status(OFF), name="Other")
    beside = Services((broken, quiet), said.append, told.append)
    with home.ledger() as ledger:
        for _ in range(10):
            beside.tick(ledger)
    beside.stop()
    assert said == [
        "Listener: it failed: ValueError: no.",
        "Listener: listening at 127.0.0.1:1.",
        "Listener did not end well: will not.",
        "Other did not end well: will not.",
    ]
    assert [made["Listener"].state for made in told] == [OFF, FAILED, RUNNING]
    assert broken.stops == quiet.stops == 1


def test_people_are_told_by_status_and_doctor(home: Home) -> None:
    paths = own_paths(home.env)
    lock = background.acquire(paths, MovedClock(NOW))
    assert lock is not None
    told: list[str] = []
    with home.ledger() as ledger:
        Services((Scripted(Status(FAILED, "port 63762 is taken")),), told.append, lock.set_services).tick(ledger)
    assert background.running(paths).services == (("Listener", FAILED, "port 63762 is taken"),)  # type: ignore[union-attr]
    assert "Listener: port 63762 is taken.\n" in home.run("status").stdout
    assert home.run("status", "--json").json["services"] == [
        {"service": "Listener", "state": "failed", "text": "port 63762 is taken"}
    ]
    looked = home.run("doctor", code=1)
    assert "Listener: port 63762 is taken." in looked.stdout
    lock.release()
