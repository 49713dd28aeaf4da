"""Receivers on the loopback, and settings that may reach them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core.notify.settings import Settings, parse_settings, save_settings
from tests.receivers import Hook, Post, serving


@pytest.fixture(autouse=True)
def own_folders(lab_folders: Path) -> Path:
    return lab_folders


@pytest.fixture
def hook() -> Iterator[Hook]:
    with serving(Hook()) as server:
        yield server


@pytest.fixture
def post() -> Iterator[Post]:
    with serving(Post()) as server:
        yield server


@pytest.fixture
def tell_by(hook: Hook) -> Callable[..., Settings]:
    """Keeps settings with the hook as webhook, in the form given."""

    def keep(form: str = "json", **values: Any) -> Settings:
        webhook = {"form": form, "address": f"{hook.url}/services/T0/secret-token"}
        settings = parse_settings({"allow_local": True, "webhook": webhook, **values})
        save_settings(settings)
        return settings

    return keep


@pytest.fixture
def by_mail(post: Post) -> Callable[..., Settings]:
    """Settings with the mail server."""

    def make(**values: Any) -> Settings:
        mail = {"host": "127.0.0.1", "port": post.port, "security": "none", "sender": "lab@example.org"}
        return parse_settings({"allow_local": True, "mail": {**mail, "to": ["ann@example.org"]}, **values})

    return make
