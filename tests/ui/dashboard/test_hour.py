"""An hour of steady state by the clock: nobody drives the browser, so its service worker sleeps and is woken by the alarm.

`TACHOGRAPH_SOAK_MINUTES` shortens it. The same in seconds, with both clocks moved, stands in test_extension.py.
"""

import os
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chromium import Browser, certificate, code_of, free_port, limits_of, recorder, set_port, until
from helpers import Home
from tachograph.demo.claude_web import ClaudeWeb, Organization, Person
from tachograph.demo.service import Service
from tachograph.recorder.poller import BASE

MINUTES = int(os.environ.get("TACHOGRAPH_SOAK_MINUTES", "60"))


@pytest.mark.soak
def test_an_hour_by_the_clock(home: Home, tmp_path: Path) -> None:
    del home.env["TACHOGRAPH_NOW"]
    os.environ.pop("TACHOGRAPH_NOW", None)
    set_port(home, free_port())
    home.sign_in("sk-ant-oat01-made-up", Organization().uuid, datetime.now(UTC) + timedelta(days=1))
    with ClaudeWeb({"one": Person()}, certificate=certificate(tmp_path)) as web, Service() as oauth:
        home.env[BASE] = oauth.base
        home.run("sources", "enable", "oauth", "--yes")
        names = {"claude.ai:443": web.port}
        with recorder(home):
            until(lambda: len(oauth.seen) == 2, 30)
            with Browser(tmp_path / "profile", names) as browser:
                browser.sign_in("one")
                assert browser.pair(code_of(home)) == ""
                command = browser.command()
            web.asked.clear()
            oauth.seen.clear()
            alone = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            try:
                time.sleep(MINUTES * 60)
                counts = web.counts()
                print(f"{MINUTES} minutes: {counts}, {len(oauth.seen)} questions of the recorder's own")
                (account,) = limits_of(home)
                assert account["limits"][0]["source"] == "browser"
                assert account["limits"][0]["age_seconds"] <= 75
            finally:
                alone.terminate()
                alone.wait(20)
            assert MINUTES - 2 <= counts["usage"] <= MINUTES + 2
            assert sum(counts.values()) <= 80 * max(MINUTES, 15) / 60 + 3  # the hourly ones come at the start
            assert oauth.seen == []
            (last,) = home.db().execute("SELECT max(last_at) FROM reading WHERE source = 'browser'").fetchone()
            if MINUTES < 6:  # its own schedule is not due before
                return
            until(lambda: oauth.seen, 135, "the recorder did not take over")
            silence = oauth.seen[0].at - last / 1000
            print(f"asked by itself after {silence:.1f} s without the browser")
            assert 120 <= silence <= 130
