"""Commands about notifications: `notify show`, `notify set`, `notify test`."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from core.cli.output import FAILED, CommandError, print_facts, print_json, say
from core.cli.source import AsJson
from core.system.errors import LabError
from core.text.formats import format_ago

SECRETS = ("webhook.address", "mail.password")
LISTS = ("events", "mail.to")
SWITCHES = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
Changes = Annotated[
    list[str],
    typer.Argument(
        metavar="FIELD=VALUE...",
        help="events=finished,failed trials=yes figures.val/accuracy=0.9 webhook.form=slack webhook.address=- "
        "mail.host=... mail.to=... lab_address=https://... (links in messages) allow_local=yes (receivers on this "
        "machine or its own network). An empty value takes a field out, also webhook= and mail=. Secrets are read from "
        "the standard input: write a - for them.",
    ),
]

app = typer.Typer(help="Shows, changes and tries who is told when a run ends.", invoke_without_command=True)


@app.callback()
def notify(ctx: typer.Context, as_json: AsJson = False) -> None:
    if ctx.invoked_subcommand is None:
        show(as_json)


@app.command("show")
def show(as_json: AsJson = False) -> None:
    """Shows what is told and to whom; a webhook by its host alone."""
    from core.notify.journal import read_outcomes
    from core.notify.settings import read_settings, show_settings

    values, outcomes = show_settings(read_settings()), read_outcomes()
    if as_json:
        print_json({**values, "outcomes": outcomes})
        return
    for channel, outcome in outcomes.items():
        values[f"last {channel}"] = f"{outcome.title}, {format_ago(outcome.time)}: {outcome.problem or 'delivered'}"
    print_facts((name, _show(value)) for name, value in values.items())


def _show(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_show(inner)}" for name, inner in value.items() if inner not in ("", None))
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value or "")


@app.command("set")
def change(changes: Changes) -> None:
    """Changes who is told of what."""
    from core.notify.settings import change_settings, read_settings, save_settings

    save_settings(change_settings(read_settings(), dict(map(_read, changes))))
    say("Saved. `python -m core notify test` tries it.")


def _read(change: str) -> tuple[str, Any]:
    """A change as its path and its value. Raises CommandError, which names no secret."""
    path, equals, text = change.partition("=")
    path = path.strip()
    if not equals:
        raise CommandError("Write a change as field=value.")
    if path in SECRETS and text not in ("", "-"):
        raise CommandError(f"{path}: is a secret, which a shell would keep. Write {path}=- and enter it when asked.")
    if text == "":
        return path, None
    if path in SECRETS:
        return path, _ask(path)
    if path in LISTS:
        return path, [part.strip() for part in text.split(",") if part.strip()]
    return path, SWITCHES.get(text.lower(), text)


def _ask(path: str) -> str:
    """A secret, from a terminal unseen, or as the next line of the standard input."""
    if sys.stdin.isatty():
        return str(typer.prompt(path, hide_input=True)).strip()
    return sys.stdin.readline().strip()


@app.command("test")
def send(channel: Annotated[str, typer.Argument(metavar="[webhook|mail]", help="Only by this one.")] = "") -> None:
    """Sends a test by every channel that is set."""
    from core.notify.attempt import send_test
    from core.notify.settings import CHANNELS, read_settings

    if channel and channel not in CHANNELS:
        raise CommandError(f"There is no channel {channel!r}; there are {', '.join(CHANNELS)}.")
    wanted = (channel,) if channel else read_settings().channels
    if not wanted:
        raise CommandError("Nothing is set yet: `python -m core notify set --help` tells how.")
    problems = []
    for name in wanted:
        try:
            send_test(name)
            say(f"{CHANNELS[name]}: delivered.")
        except LabError as error:
            problems.append(f"{CHANNELS[name]}: {error}")
    if problems:
        raise CommandError("\n".join(problems), FAILED)
