"""Pass a notification to the person's own command and webhook.

The command is set only in settings.toml, runs without a shell, and gets its values by environment and standard input. It
never runs from the current folder. A notification holds a limit's name and percent; never titles, paths or addresses.
"""

import json
import os
from collections.abc import Mapping

from tachograph import processes
from tachograph.recorder import webhook
from tachograph.recorder.notifications import Notification
from tachograph.settings import NotificationSettings

COMMAND_SECONDS = 10.0
TEST = Notification(
    0, "test", "five_hour", 0.0, 0, None, "Claude: a test", "A notification near a limit looks like this."
)


def forward_notification(notification: Notification, settings: NotificationSettings, env: Mapping[str, str]) -> str:
    """Run the command and post to the webhook that are set; problems in one line, "" without any."""
    problems = []
    if settings.command and (problem := run_command(notification, settings, env)):
        problems.append(f"command: {problem}")
    if settings.webhook and (problem := send_webhook(notification, settings)):
        problems.append(f"webhook: {problem}")
    return "; ".join(problems)


def run_command(notification: Notification, settings: NotificationSettings, env: Mapping[str, str]) -> str:
    """Run the person's command with the notification; "" if it succeeded, else why not."""
    name = settings.command[0]
    path = os.path.expanduser(name)
    program = path if os.path.isabs(path) else processes.find_program(name, env)
    if program is None:
        return f"{name} was not found in PATH"
    values = _message(notification)._asdict()
    variables = {  # no variable can hold a zero byte
        f"TACHOGRAPH_{key.upper()}": "" if value is None else str(value).replace("\0", "")
        for key, value in values.items()
    }
    text = json.dumps(values).encode() + b"\n"
    try:
        done = processes.run([program, *settings.command[1:]], {**env, **variables}, COMMAND_SECONDS, text)
    except OSError as error:
        return f"{name}: {error.strerror}"
    if done.code is None:
        return f"{name} was ended after {COMMAND_SECONDS:.0f} seconds"
    return f"{name} ended with exit code {done.code}" if done.code else ""


def send_webhook(notification: Notification, settings: NotificationSettings) -> str:
    """Post the notification; "" if the service took it, else why not."""
    return webhook.send(settings.webhook, settings.webhook_format, _message(notification))


def _message(notification: Notification) -> webhook.Message:
    one = notification
    return webhook.Message(one.title, one.text, one.kind, one.key, one.percent)
