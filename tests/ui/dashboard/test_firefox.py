"""The same extension in a real Firefox: it loads, asks the fake claude.ai, is paired, and its reading arrives."""

import json
import os
import subprocess
from pathlib import Path

from chromium import certificate, free_port, limits_of, recorder, set_port, until
from firefox_browser import ORIGIN, Firefox
from helpers import Home, command
from tachograph.demo.claude_web import ClaudeWeb, Person
from tachograph.paths import own_paths
from tachograph.ui.cli.extension import copied


def test_from_signing_in_to_a_reading(home: Home, tmp_path: Path) -> None:
    del home.env["TACHOGRAPH_NOW"]
    os.environ.pop("TACHOGRAPH_NOW", None)
    set_port(home, free_port())
    folder = copied(own_paths(home.env))["firefox"]
    with ClaudeWeb({"one": Person()}, certificate=certificate(tmp_path)) as web, recorder(home):
        with Firefox(tmp_path, folder, {"claude.ai:443": web.port}) as firefox:
            firefox.visit("https://claude.ai/login?session=one")
            until(lambda: any(not one.part for one in web.asked))
            firefox.popup()
            until(lambda: firefox.call("WebDriver:GetCurrentURL", {}).startswith(ORIGIN))
            until(lambda: firefox.run("return document.readyState") == "complete")
            firefox.run("return await browser.runtime.sendMessage({ what: 'refresh' })")
            assert firefox.run("return (await browser.storage.local.get('outcome')).outcome") == "ok"
            # a person's own `tachograph pair`, which waits for the browser
            waiting = subprocess.Popen([command(), "pair"], env=home.env, stdout=subprocess.PIPE, text=True)
            assert waiting.stdout is not None
            code = json.dumps(next(line.split()[1] for line in waiting.stdout if line.startswith("Code")))
            assert firefox.run(f"return await browser.runtime.sendMessage({{ what: 'pair', code: {code} }})") == {}
            assert "Firefox 1" in waiting.communicate(timeout=60)[0]
            assert waiting.returncode == 0
            assert firefox.run("return (await browser.storage.local.get('bridge')).bridge.state") == "ok"
            assert firefox.run("return await browser.action.getBadgeText({})") == "81"
            assert "mary@example.org" in firefox.run("return document.body.innerText")
        (account,) = limits_of(home)
        five = account["limits"][0]
        assert (five["percent"], five["source"]) == (37.0, "browser")
        assert five["browser"].startswith("Firefox 1")
        assert home.db().execute("SELECT origin FROM pairing").fetchone() == (ORIGIN,)
