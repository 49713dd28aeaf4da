"""The token is its owner's alone, and Ray is told where it lies, never what it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.cluster.access import ClusterError, keep_token, make_token, ray_environment, read_token, token_path
from core.system.folders import PROJECT


def test_a_token_is_made_once_and_only_its_owner_can_read_it(runs: Path) -> None:
    path = make_token(runs)
    token = read_token(runs)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert len(token) == 64
    make_token(runs)
    assert read_token(runs) == token


def test_without_a_token_ray_is_not_started(runs: Path) -> None:
    with pytest.raises(ClusterError, match="no token"):
        ray_environment(runs)


@pytest.mark.skipif(os.name == "nt", reason="modes of files are Unix's")
def test_a_token_that_others_can_read_is_refused(runs: Path) -> None:
    make_token(runs).chmod(0o640)
    with pytest.raises(ClusterError, match="chmod 600"):
        ray_environment(runs)


@pytest.mark.parametrize("content", ["", "short", "two words and a lot more of them", "x" * 600, "\x00" * 40])
def test_what_is_no_token_is_neither_kept_nor_used(runs: Path, content: str) -> None:
    with pytest.raises(ClusterError, match="no token"):
        keep_token(runs, content)
    make_token(runs).write_text(content)
    with pytest.raises(ClusterError, match="damaged"):
        read_token(runs)


def test_a_token_that_was_handed_over_is_kept_as_it_was(runs: Path) -> None:
    keep_token(runs, "0123456789abcdef\n")
    assert read_token(runs) == "0123456789abcdef"


def test_ray_gets_the_file_and_nothing_stray(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "another cluster's")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.9:6379")
    make_token(runs)
    environment = ray_environment(runs)
    assert environment["RAY_AUTH_MODE"] == "token"
    assert environment["RAY_AUTH_TOKEN_PATH"] == str(token_path(runs))
    assert environment["RAY_USAGE_STATS_ENABLED"] == "0"
    assert environment["PYTHONPATH"].split(os.pathsep)[0] == str(PROJECT)
    assert not {"RAY_AUTH_TOKEN", "RAY_ADDRESS"} & set(environment)
    assert read_token(runs) not in " ".join(environment.values())
