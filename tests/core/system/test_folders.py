"""Where runs are kept, and which names can be runs."""

from pathlib import Path

import pytest

from core.system.folders import ID_PATTERN, PROJECT, runs_folder


def test_runs_are_beside_the_code_unless_a_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for unset in ("", None):
        if unset is None:
            monkeypatch.delenv("RESNET_LAB_RUNS")
        else:
            monkeypatch.setenv("RESNET_LAB_RUNS", unset)
        assert runs_folder() == PROJECT / "runs"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RESNET_LAB_RUNS", "mine")
    assert runs_folder() == tmp_path / "mine"


def test_the_project_is_the_folder_with_the_code() -> None:
    assert (PROJECT / "core" / "system" / "folders.py").is_file()


@pytest.mark.parametrize(
    "name", ["20260101-120000-000-abcdef\n", "20260101-120000-000-ABCDEF", "٢0260101-120000-000-abcdef"]
)
def test_only_what_the_server_makes_is_an_id(name: str) -> None:
    assert ID_PATTERN.fullmatch("20260101-120000-000-abcdef")
    assert not ID_PATTERN.fullmatch(name)
