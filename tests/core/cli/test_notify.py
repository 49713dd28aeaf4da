"""Notifications on the command line: secrets are neither taken from it nor shown on it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from typer.testing import Result

from core.notify.settings import Settings, read_settings
from tests.receivers import Hook, Post, serving
from tests.strict_json import strict

Core = Callable[..., Result]


def test_what_is_set_is_shown_and_a_secret_as_its_host_alone(core: Core) -> None:
    changes = ["events=finished,stopped", "figures.val/accuracy=0.9", "webhook.form=slack", "webhook.address=-"]
    done = core("notify", "set", *changes, "trials=yes", text="https://hooks.example.org/secret-token\n")
    assert done.exit_code == 0, done.output
    shown = core("notify")
    listed = strict(core("notify", "show", "--json").stdout)
    assert listed["webhook"] == {"form": "slack", "host": "hooks.example.org"}
    assert (listed["events"], listed["trials"], listed["figures"]) == (
        ["finished", "stopped"],
        True,
        {"val/accuracy": 0.9},
    )
    assert "hooks.example.org" in shown.stdout
    assert "secret-token" not in done.output + shown.output + str(listed)
    assert read_settings().webhook.address.get_secret_value().endswith("/secret-token")
    core("notify", "set", "webhook=", "figures.val/accuracy=")
    assert read_settings().channels == ()
    assert read_settings().figures == {}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["set", "webhook.address=https://e.org/secret-token"],
            "webhook.address: is a secret, which a shell would keep",
        ),
        (["set", "events"], "Write a change as field=value."),
        (["set", "figures.val/accuracy=much"], "figures.val/accuracy: must be a valid number"),
        (["set", "colour=red"], "settings: holds an unknown field"),
        (["test"], "Nothing is set yet"),
        (["test", "fax"], "There is no channel 'fax'; there are webhook, mail."),
    ],
)
def test_what_cannot_be_done_is_a_sentence(core: Core, arguments: list[str], sentence: str) -> None:
    done = core("notify", *arguments)
    assert done.exit_code == 2
    assert done.stderr.startswith(sentence)
    assert "secret-token" not in done.output


def test_the_help_names_every_setting(core: Core) -> None:
    shown = core("notify", "set", "--help").stdout
    assert [name for name in Settings.model_fields if name not in shown] == []


def test_every_channel_is_tried(core: Core) -> None:
    with serving(Hook()) as hook, serving(Post()) as post:
        mail = [f"mail.port={post.port}", "mail.host=127.0.0.1", "mail.security=none", "mail.sender=a@example.org"]
        changes = ["allow_local=yes", "webhook.address=-", *mail, "mail.to=b@example.org,c@example.org"]
        assert core("notify", "set", *changes, text=f"{hook.url}/secret-token\n").exit_code == 0
        post.refusals["MAIL"] = "550 no"
        done = core("notify", "test")
        assert done.exit_code == 1
        assert done.stderr == ("Webhook: delivered.\nMail: The mail server did not take the sender's address (550).\n")
        assert hook.titles() == ["ResNet Lab: a test"]
        assert core("notify", "test", "webhook").exit_code == 0
    assert "just now: The mail server did not" in " ".join(core("notify").stdout.split())
