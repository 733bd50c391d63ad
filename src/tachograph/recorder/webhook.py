"""Send a notification to a person's own webhook: ntfy, Slack, Discord, or plain JSON.

The address is a secret: it is read from settings.toml when needed and appears in no message, log or export. It must be
https, or http on this machine. Redirects are not followed and proxies not used, so nothing else learns it. A notification
holds a limit's name and percent; never titles, paths or e-mail addresses.
"""

import json
import threading
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from tachograph import __version__
from tachograph.model.addresses import LOOPBACK_HOSTS

DEADLINE_SECONDS = 8.0
NTFY, SLACK, DISCORD, JSON = "ntfy", "slack", "discord", "json"
_MARKUP = {ord(sign): plain for sign, plain in zip("<>@*_`&", ["‹", "›", "＠", "", " ", "'", "+"], strict=True)}


class Message(NamedTuple):
    """Content of a notification. `percent` None if unknown; `limit` a key such as five_hour; `kind` threshold, spend, reset, chance or test."""

    title: str
    text: str
    kind: str
    limit: str
    percent: float | None


def problem_of(address: str) -> str:
    """Why an address cannot be used, without repeating it; "" if it can."""
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return "it is not an address"
    if parts.scheme == "http" and parts.hostname not in LOOPBACK_HOSTS:
        return "it must begin with https:// (http:// only for this machine)"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "it must begin with https://"
    if any(c.isspace() or not c.isprintable() for c in address) or not address.isascii():
        return "it holds characters that an address cannot hold"
    return "it must not hold a name and password" if parts.username or parts.password else ""


def body(message: Message, form: str) -> tuple[bytes, dict[str, str]]:
    """Body and headers in the shape a service expects.

    ntfy: https://docs.ntfy.sh/publish/; Slack: https://api.slack.com/messaging/webhooks;
    Discord: https://discord.com/developers/docs/resources/webhook#execute-webhook
    """
    document: dict[str, object]
    if form == NTFY:
        urgent = message.kind == "threshold" and (message.percent or 0) >= 100
        title = message.title.encode("ascii", "replace").decode()  # a header
        return message.text.encode(), {"Title": title, "Tags": "hourglass", "Priority": "high" if urgent else "default"}
    if form == SLACK:
        document = {"text": f"*{_plain(message.title)}*\n{_plain(message.text)}"}
    elif form == DISCORD:
        text = f"**{_plain(message.title)}**\n{_plain(message.text)}"
        document = {"content": text[:2000], "allowed_mentions": {"parse": []}}
    else:
        document = {  # plain JSON
            "title": message.title,
            "text": message.text,
            "kind": message.kind,
            "limit": message.limit,
            "percent": message.percent,
        }
    return json.dumps(document).encode(), {"Content-Type": "application/json"}


def send(address: str, form: str, message: Message, deadline_seconds: float = DEADLINE_SECONDS) -> str:
    """Post a message; "" if the service took it, else why not, without the address. Never raises, never takes longer."""
    if problem := problem_of(address):
        return problem
    result: list[str] = []
    worker = threading.Thread(target=_post, args=(urlsplit(address), *body(message, form), deadline_seconds, result), daemon=True)  # fmt: skip
    worker.start()
    worker.join(deadline_seconds)  # a service that sends a byte at a time would outlast every timeout of a socket
    return result[0] if result else "the service did not answer in time"


def _post(parts: SplitResult, data: bytes, headers: dict[str, str], seconds: float, result: list[str]) -> None:
    import http.client
    import ssl

    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=seconds)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("POST", path, data, {"User-Agent": f"tachograph/{__version__}", **headers})
        status = connection.getresponse().status
        if 200 <= status < 300:
            result.append("")
        elif 300 <= status < 400:
            result.append(f"the service answered {status}: it wants to be asked elsewhere, which is not done")
        else:
            result.append(f"the service answered {status}")
    except ssl.SSLError:
        result.append("its certificate could not be verified")
    except TimeoutError:
        result.append("the service did not answer in time")
    except (OSError, http.client.HTTPException, ValueError) as error:
        result.append(f"the service could not be reached ({type(error).__name__})")  # the text may hold the host
    finally:
        connection.close()


def _plain(text: str) -> str:
    """Without the characters that make mentions, links or markup in a chat."""
    return "".join(c for c in text if c.isprintable()).translate(_MARKUP)
