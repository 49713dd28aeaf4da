"""A branch travels with the line of its parents, or says which of them is missing."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest

from core.export.archive.pack import BundleError, pack_runs
from core.export.archive.unpack import import_runs
from core.runs.branches import read_branch, take_root
from core.runs.folder import Run
from core.runs.store import open_run
from core.system import files
from tests.branched import mark_branch
from tests.bundles import build, make_whole_run, pack, seal, take_in, unpack


def branch_off(parent: Run, name: str) -> Run:
    """A whole run whose root is its parent's checkpoint."""
    (checkpoint,) = parent.checkpoints()
    run = make_whole_run(name=name, settings=("train.epochs=6",))
    take_root(checkpoint, run.path)
    return mark_branch(run, parent, 5, checkpoint=checkpoint.name, sha256=checkpoint.sha256, bytes=checkpoint.bytes)


@pytest.fixture
def family(runs: Path) -> list[Run]:
    root = make_whole_run(name="root")
    child = branch_off(root, "child")
    return [root, child, branch_off(child, "grandchild")]


def move(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setenv("RESNET_LAB_RUNS", str(tmp_path / "elsewhere"))


def pack_with_notes(*runs: Run, **choices: bool) -> tuple[bytes, list[str]]:
    buffer = io.BytesIO()
    notes = pack_runs([run.id for run in runs], buffer, **choices)
    return buffer.getvalue(), notes


def test_the_line_of_parents_comes_along(family: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = [read_branch(run.path) for run in family]
    archive, notes = pack_with_notes(family[-1])
    assert notes == []
    move(tmp_path, monkeypatch)
    assert [taken.id for taken in take_in(archive)] == [run.id for run in family]
    assert [read_branch(open_run(run.id).path) for run in family] == before
    assert (open_run(family[-1].id).path / "root.safetensors").is_file()
    assert open_run(family[-1].id).summary().parent_name == "child"


def test_a_parent_that_is_gone_is_named_and_the_branch_travels_whole(
    family: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(family[0].path)
    (family[1].path / "spec.json").write_text("{")
    archive, notes = pack_with_notes(family[2])
    assert len(notes) == 2
    assert notes[0].startswith("root, from which grandchild comes, is missing: it is not here any more.")
    assert notes[1].startswith("child, from which grandchild comes, is missing: spec.json")
    move(tmp_path, monkeypatch)
    (taken,) = take_in(archive)
    assert open_run(taken.id).damage() == ""
    assert (open_run(taken.id).path / "root.safetensors").is_file()


def test_parents_that_get_another_id_are_named_by_it(family: list[Run]) -> None:
    archive, _ = pack_with_notes(family[2])
    other = files.read_json(family[0].path / "end.json")
    files.write_json(family[0].path / "end.json", other | {"reason": "Another run of this id."})
    root, child, grandchild = take_in(archive)
    assert (root.outcome, child.outcome, grandchild.outcome) == ("copy", "here", "here")
    for run in family[1:]:
        shutil.rmtree(run.path)
    root, child, grandchild = take_in(archive)
    record = read_branch(open_run(grandchild.id).path)
    assert record is not None
    assert record["run"] == child.id
    assert [step["run"] for step in record["line"]] == [root.id]
    assert root.id != family[0].id


def test_without_checkpoints_roots_stay_behind(family: list[Run]) -> None:
    assert not [name for name in unpack(pack(family[2], checkpoints=False)) if name.endswith(".safetensors")]
    assert [name for name in unpack(pack(family[2])) if name.endswith("root.safetensors")]


def test_a_root_that_was_damaged_stays_behind_and_the_note_says_so(family: list[Run]) -> None:
    (family[1].path / "root.safetensors").unlink()
    (family[1].path / "root.safetensors").write_bytes(b"something else")
    archive, notes = pack_with_notes(family[1])
    assert notes == ["root.safetensors is damaged and was left out."]
    assert not [name for name in unpack(archive) if name.endswith("root.safetensors")]


@pytest.mark.parametrize("damage", ["content", "record", "shape"])
def test_a_root_that_the_record_does_not_name_is_refused(runs: Path, damage: str) -> None:
    root = make_whole_run(name="root")
    run = branch_off(root, "child")
    members = unpack(pack(run))
    name = f"{run.id}/branch.json"
    match damage:
        case "content":
            members[f"{run.id}/root.safetensors"] = b"something else"
        case "record":
            members[name] = members[name].replace(b'"sha256": "', b'"sha256": "0')[:-1]
        case "shape":
            members[name] = members[name].replace(b'"epoch": 5', b'"epoch": "5"')
    shutil.rmtree(run.path)
    with pytest.raises(BundleError, match=r"root\.safetensors|branch\.json"):
        import_runs(io.BytesIO(build(seal(members))))
    assert not run.path.exists()
