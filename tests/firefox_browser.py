"""A real Firefox for tests, driven over its Marionette protocol: Debian's, with our extension in it."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import threading
from pathlib import Path
from typing import Any, Self

import pytest

from chromium import free_port, until

INSIDE = "1f1f1f1f-0000-4000-8000-00000000000f"  # what this profile calls the extension; Firefox makes another for each
ORIGIN = f"moz-extension://{INSIDE}"
_ID = "extension@tachograph.local"
_PREFS: dict[str, object] = {
    "marionette.port": 0,
    "extensions.webextensions.uuids": json.dumps({_ID: INSIDE}),
    "network.proxy.type": 1,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 0,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "toolkit.telemetry.enabled": False,
    "app.normandy.enabled": False,
    "app.update.enabled": False,
    "extensions.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "browser.safebrowsing.update.enabled": False,
    "services.settings.server": "http://127.0.0.1:9/",
}


class Tunnel:
    """A proxy that leads every encrypted connection to one port here, and none elsewhere."""

    def __init__(self, names: dict[str, int]) -> None:
        self._names = names
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                plug, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(plug,), daemon=True).start()

    def _serve(self, plug: socket.socket) -> None:
        with contextlib.suppress(OSError, IndexError), plug:
            head = b""
            while b"\r\n\r\n" not in head:
                head += plug.recv(4096) or b"\r\n\r\n"
            port = self._names.get(head.split()[1].decode("latin-1"))
            if port is None:
                plug.sendall(b"HTTP/1.1 502 Nowhere\r\nContent-Length: 0\r\n\r\n")
                return
            with socket.create_connection(("127.0.0.1", port)) as other:
                plug.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                back = threading.Thread(target=_pumped, args=(other, plug), daemon=True)
                back.start()
                _pumped(plug, other)
                back.join(10)


def _pumped(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


class Firefox:
    """From `with` to the end of the block. `names`: `host:port` and the ports here that they lead to."""

    def __init__(self, root: Path, extension: str, names: dict[str, int]) -> None:
        program = shutil.which("firefox-esr") or shutil.which("firefox")
        if program is None:
            pytest.skip("Firefox is not here (Debian: apt-get install firefox-esr)")
        self._program, self._root, self._extension = program, root, extension
        self._tunnel = Tunnel(names)

    def __enter__(self) -> Self:
        profile = self._root / "firefox"
        profile.mkdir()
        port = free_port()
        prefs = {**_PREFS, "marionette.port": port, "network.proxy.ssl_port": self._tunnel.port}
        (profile / "user.js").write_text("".join(f'user_pref("{k}", {json.dumps(v)});\n' for k, v in prefs.items()))
        env = {"HOME": str(self._root), "PATH": os.environ["PATH"], "MOZ_HEADLESS": "1"}
        command = [
            self._program,
            "--headless",
            "--no-remote",
            "--marionette",
            "--remote-allow-system-access",
            "--profile",
            str(profile),
        ]
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(command, env=env, stdin=quiet, stdout=quiet, stderr=quiet)
        try:
            self._wire = until(lambda: self._reached(port), 60, "Firefox does not answer")
            self._wire.settimeout(60)
            self._file = self._wire.makefile("rb")
            self._received()
            self._count = 0
            self.call("WebDriver:NewSession", {"acceptInsecureCerts": True, "pageLoadStrategy": "none"})
            self.call("WebDriver:SetTimeouts", {"script": 20_000})
            self.call("Addon:Install", {"path": self._extension, "temporary": True})
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(5)
        self._tunnel.close()

    @staticmethod
    def _reached(port: int) -> socket.socket | None:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=1)
        except OSError:
            return None

    def _received(self) -> Any:
        length = b""
        while (digit := self._file.read(1)) != b":":
            length += digit
        return json.loads(self._file.read(int(length)))

    def call(self, name: str, parameters: dict[str, Any]) -> Any:
        """A command of Marionette, and what it gives back."""
        self._count += 1
        data = json.dumps([0, self._count, name, parameters]).encode()
        self._wire.sendall(b"%d:%s" % (len(data), data))
        _, _, error, result = self._received()
        assert error is None, error
        return result.get("value") if isinstance(result, dict) and "value" in result else result

    def visit(self, url: str) -> None:
        self.call("WebDriver:Navigate", {"url": url})

    def popup(self) -> None:
        self.visit(f"{ORIGIN}/popup.html")

    def run(self, script: str, *arguments: object) -> Any:
        """A function body in the page; it may await."""
        body = f"const done = arguments[arguments.length - 1]; (async () => {{ {script} }})().then(done, (e) => done(String(e)))"
        return self.call("WebDriver:ExecuteAsyncScript", {"script": body, "args": list(arguments), "newSandbox": False})
