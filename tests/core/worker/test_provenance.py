"""A run's figures can be traced to versions, commit and images."""

import json
import subprocess
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest

from core.data.cache import Fault
from core.data.shades import Scale
from core.engine.events import Started
from core.runs.records import Environment
from core.runs.shapes import ENVIRONMENT, find_fault
from core.worker import provenance
from core.worker.provenance import describe_commit, describe_images, describe_machine, describe_start, tell_left_out
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


def test_what_was_left_out_and_how_grey_was_scaled_is_kept_and_told() -> None:
    faults = tuple(Fault(f"cat/{place}.png", "it is empty") for place in range(300))
    data = replace(make_data(), left_out=faults, scales={"uint16": Scale(0, 4095)})
    found = describe_images(data)
    assert find_fault(ENVIRONMENT, json.loads(json.dumps(found))) == ""
    assert found["left_out_images"] == 300
    assert found["left_out"][0] == "cat/0.png (it is empty)"
    assert len(found["left_out"]) == 200
    assert found["grey_scales"] == {"uint16": [0, 4095]}
    [told] = tell_left_out(faults)
    assert told.startswith("300 damaged images left out, which the log names: cat/0.png (it is empty), cat/1.png")
    assert told.endswith(" and 297 more.")
    assert describe_images(make_data()) == {}
    assert tell_left_out(()) == []
