"""Machines agree with a ledger over the union, whatever is dealt to them and whatever happens on the way.

The transcripts are those of an invented life and the sets in TACHOGRAPH_TRANSCRIPTS. Machines have overlaps, truncated
copies, copied config folders, login switches and wrong clocks. Hub and clients die with kill -9, answers are lost, and
what was sent arrives again.
"""

import gzip
import json
import random
import shutil
from pathlib import Path

import pytest

from hub_server import Hub, Relay, hub, post, rows, token_of
from hub_union import MINUTE, Deal, join_folder, join_hub, real_transcripts

SMALL = 4 << 20  # bytes of a set of transcripts that a quick run reads


def through_hub(root: Path, rng: random.Random, projects: list[Path], level: str, steps: int, skew: int = 0) -> None:
    deal = Deal(root, rng, projects, skew=skew)
    with hub(root / "hub") as served:
        relay = Relay(served.port)
        join_hub(deal, served, level, relay.port)

        def disturb(number: int) -> None:
            act = rng.random()
            if act < 0.3:
                deal.killed_sync(number, 1.0)
            elif act < 0.5:
                served.kill()
                served.start()
            elif act < 0.7:
                relay.drop_answers = 2  # the client tries once more by itself
                deal.sync(0, code=None)
                relay.drop_answers = 0
            elif act < 0.85:
                deal.sync_while(number, served.kill)
                served.start()
            else:
                replay(served, relay.requests(), token_of(deal.machines[0]))

        deal.play(steps, disturb)
        deal.compare()
        relay.close()


def replay(served: Hub, bodies: list[bytes], token: str) -> None:
    """Send recorded pushes of the first machine again, each at the time at which it was sent: some never arrived."""
    for body in bodies[-3:]:
        sent_at = str(json.loads(gzip.decompress(body))["sent_at"])
        if served.home.env["TACHOGRAPH_NOW"] != sent_at:
            served.kill()
            served.home.env["TACHOGRAPH_NOW"] = sent_at
            served.start()
        assert post(served.port, "push", body, token, Content_Encoding="gzip")[0] in (200, 409)


def through_folder(root: Path, rng: random.Random, projects: list[Path], level: str, steps: int, skew: int = 0) -> None:
    deal = Deal(root, rng, projects, skew=skew)
    shared = join_folder(deal, level)

    def disturb(number: int) -> None:
        act = rng.random()
        files = sorted(shared.rglob("*.facts"))
        if act < 0.4 or not files:
            deal.killed_sync(number, 1.0)
        elif act < 0.6:  # a copy in conflict: everything in it arrives again
            path = rng.choice(files)
            shutil.copy(path, path.with_name(f"{path.stem}.sync-conflict-{rng.randrange(10**6)}.facts"))
        elif act < 0.8:  # half of the newest file has arrived when another machine looks
            path = rng.choice(files)
            content = path.read_bytes()
            path.write_bytes(content[: rng.randrange(len(content) + 1)])
            for other in range(len(deal.machines)):
                if deal.machine_id(other) != path.parent.name:
                    deal.sync(other)
            path.write_bytes(content)
        else:  # the folder is away for a while
            away = shared.rename(root / "away")
            deal.sync(number, code=1)
            away.rename(shared)

    deal.play(steps, disturb)
    deal.compare()


LOGINS = """
SELECT folder.text, first_seen, last_seen, uuid FROM login JOIN name folder ON folder.id = folder
JOIN account ON account.id = account ORDER BY 1, 2, 3, 4
"""


def test_the_union_knows_a_login_for_as_long_as_its_machine_does(tmp_path: Path) -> None:
    deal = Deal(tmp_path, random.Random("logins"), [], days=2)
    for number in (0, 1, 0):  # the third machine changes nothing
        deal.now += 30 * MINUTE
        deal.work(number)
        deal.now += 30 * MINUTE
        deal.log_in(number, 1 - number)
    found = [row for machine in deal.machines for row in rows(machine, LOGINS)]
    assert sorted(found) == rows(deal.union, LOGINS)
    assert {row[2] for row in found if "/machine2/" in row[0]} == {deal.now}


@pytest.mark.slow
@pytest.mark.parametrize("skew", [0, 120])
def test_through_a_shared_folder_every_machine_equals_a_ledger_over_the_union(tmp_path: Path, skew: int) -> None:
    rng = random.Random(f"folder {skew}")
    through_folder(tmp_path, rng, small_sets(), "names", 18, skew)


@pytest.mark.slow
@pytest.mark.parametrize(("level", "skew"), [("counts", 0), ("mine", -120)])
def test_through_a_hub_every_machine_equals_a_ledger_over_the_union(tmp_path: Path, level: str, skew: int) -> None:
    rng = random.Random(f"hub {level}")
    through_hub(tmp_path, rng, small_sets(), level, 18, skew)


def small_sets() -> list[Path]:
    return [
        projects
        for projects in real_transcripts()
        if sum(path.stat().st_size for path in projects.rglob("*.jsonl")) < SMALL
    ]


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("level", ["mine", "names", "counts"])
@pytest.mark.parametrize("transport", ["folder", "hub"])
def test_all_sets_give_the_union_on_every_machine(tmp_path: Path, transport: str, level: str, seed: int) -> None:
    rng = random.Random(f"{transport} {level} {seed}")
    run = through_folder if transport == "folder" else through_hub
    run(tmp_path, rng, real_transcripts(), level, 60, (0, 0, 120, -120)[seed % 4])
