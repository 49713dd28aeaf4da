"""A run's figures can be traced to versions, commit and images."""

import subprocess
from importlib import metadata
from pathlib import Path

import pytest

from core.engine.events import Started
from core.runs.records import Environment
from core.worker import provenance
from core.worker.provenance import describe_commit, describe_machine, describe_start
from tests.core.engine.toy import make_data


def test_versions_are_those_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "PACKAGES", ("torch", "no-such-package"))
    assert describe_machine()["versions"] == {"torch": metadata.version("torch"), "no-such-package": None}


def test_the_commit_is_named_and_whether_the_code_differs_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provenance, "PROJECT", tmp_path)
    assert describe_commit() == {"commit": None}

    def git(*words: str) -> str:
        identity = ["-c", "user.name=A", "-c", "user.email=a@b.example", "-c", "commit.gpgsign=false"]
        return subprocess.run(
            ["git", *identity, *words], cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout

    git("init", "-q")
    (tmp_path / "code.py").write_text("1")
    git("add", ".")
    git("commit", "-qm", "First")
    assert describe_commit() == {"commit": git("rev-parse", "HEAD").strip(), "commit_changed": False}
    (tmp_path / "code.py").write_text("2")
    assert describe_commit()["commit_changed"]


def test_the_environment_of_a_run_has_its_images_and_only_known_keys() -> None:
    event = Started(
        device="cpu", device_name="A", precision="float32", parameters=9, updates_per_epoch=2, epoch=1, threads=1
    )
    data = make_data(num_train=70, num_val=30, num_test=40)
    found = describe_start(event, data, ["A note."])
    assert found.keys() <= Environment.__annotations__.keys()
    assert [found[f"{part}_images"] for part in ("train", "val", "test")] == [70, 30, 40]
    assert (found["mean"], found["std"]) == (list(data.mean), list(data.std))
    assert (found["epochs_done"], found["notes"], found["val_classes_dtype"]) == (1, ["A note."], "uint8")
