"""What is no run of ours is refused with a sentence and leaves nothing behind."""

from __future__ import annotations

import io
import json
import os
import pickle
import random
import stat
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.export.archive import unpack as unpacking
from core.export.archive.checks import check_checkpoint
from core.export.archive.pack import MANIFEST, BundleError
from core.launch.launcher import delete_run
from tests.bundles import (
    CLASSES,
    build,
    make_whole_run,
    member,
    pack,
    seal,
    snapshot,
    take_in,
    unpack,
    write_checkpoint,
)
from tests.core.worker.test_crash import EPOCHS, assert_same_result, undisturbed  # noqa: F401 - a fixture


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, bytes]]:
    with pytest.MonkeyPatch.context() as there:
        there.setenv("RESNET_LAB_RUNS", str(tmp_path_factory.mktemp("there")))
        run = make_whole_run()
        return run.id, unpack(pack(run))


@pytest.fixture
def good(packed: tuple[str, dict[str, bytes]], runs: Path) -> tuple[str, dict[str, bytes]]:
    """The id and the members of an archive from elsewhere."""
    run_id, members = packed
    return run_id, dict(members)


def refuse(archive: bytes, runs: Path) -> str:
    """The sentence of the refusal, which leaves nothing behind."""
    before = snapshot(runs)
    with pytest.raises(BundleError) as refused:
        take_in(archive)
    assert snapshot(runs) == before
    assert not [path for path in runs.iterdir() if path.name.startswith(".import-")]
    sentence = str(refused.value)
    assert sentence.endswith((".", ": refused."))
    assert sentence.isprintable()
    return sentence


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd", "../../escaped", "{id}/../../escaped", "{id}/checkpoints/../../../escaped", "C:/escaped",
        "C:escaped", "\\\\server\\escaped", "{id}\\spec.json", "{id}/spec.json\0.txt", "..", "{id}/..",
    ],
)  # fmt: skip
def test_a_name_that_leads_elsewhere_is_refused(good: tuple[str, dict[str, bytes]], runs: Path, name: str) -> None:
    run_id, members = good
    archive = build(members, more=[(member(name.format(id=run_id)), b"x")])
    assert "outside of its own folder" in refuse(archive, runs)
    assert not list(runs.parent.rglob("escaped*"))


@pytest.mark.parametrize(
    "name",
    [
        "readme.txt", "{id}/run.lock", "{id}/stop", "{id}/worker.json", "{id}/.reserve", "{id}/checkpoints/x.pkl",
        "{id}/predictions/x.npy", "{id}/SPEC.JSON", "{id}/checkpoints/deep/x.pt",
        "20250101-000000-000-ABCDEF/spec.json",
        "{id}/environment-0.json", "{id}/imported.json", "{id}/spec.json ", "",
    ],
)  # fmt: skip
def test_what_belongs_to_no_run_is_refused(good: tuple[str, dict[str, bytes]], runs: Path, name: str) -> None:
    run_id, members = good
    assert "belongs to no run" in refuse(build(members, more=[(member(name.format(id=run_id)), b"x")]), runs)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK, stat.S_IFDIR])
def test_links_and_special_files_are_refused(good: tuple[str, dict[str, bytes]], runs: Path, kind: int) -> None:
    run_id, members = good
    content = members.pop(f"{run_id}/log.txt")
    archive = build(members, more=[(member(f"{run_id}/log.txt", kind | 0o777), content)])
    assert "link or special file" in refuse(archive, runs)


def test_a_name_twice_is_refused_also_where_only_its_case_differs(
    good: tuple[str, dict[str, bytes]], runs: Path
) -> None:
    run_id, members = good
    for first, second in (("log.txt", "log.txt"), ("checkpoints/a.pt", "checkpoints/A.pt")):
        members.setdefault(f"{run_id}/{first}", b"x")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            archive = build(members, more=[(member(f"{run_id}/{second}"), b"y")])
        assert "twice" in refuse(archive, runs)


def test_bombs_are_refused_before_they_are_unpacked(good: tuple[str, dict[str, bytes]], runs: Path) -> None:
    run_id, members = good
    bomb = build(seal({**members, f"{run_id}/log.txt": bytes(100_000_000)}))
    assert len(bomb) < 1_000_000
    assert "would unpack to 100 MB" in refuse(bomb, runs)

    def overlap(listed: list[zipfile.ZipInfo]) -> None:
        listed[1].header_offset = listed[0].header_offset

    assert "overlap" in refuse(build(members, touch=overlap), runs)
    many = build({f"{number:05}": b"" for number in range(10_001)})
    assert "10,001 files" in refuse(many, runs)
    long = build({f"{number:05}" + 400 * "x": b"" for number in range(10_000)})
    assert "list of members is too long" in refuse(long, runs)


def test_a_size_that_is_a_lie_is_found_out(good: tuple[str, dict[str, bytes]], runs: Path) -> None:
    _, members = good

    def lie(listed: list[zipfile.ZipInfo]) -> None:
        next(info for info in listed if info.filename.endswith("log.txt")).file_size = 3

    refuse(build(members, touch=lie), runs)


def test_more_than_the_disk_takes_is_refused(
    good: tuple[str, dict[str, bytes]], runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        free = 100_001_000

    monkeypatch.setattr(unpacking.shutil, "disk_usage", lambda _: Full)
    assert "of disk space" in refuse(build(good[1]), runs)


def test_an_encrypted_archive_is_refused(good: tuple[str, dict[str, bytes]], runs: Path) -> None:
    def encrypt(listed: list[zipfile.ZipInfo]) -> None:
        listed[0].flag_bits |= 1

    assert "encrypted" in refuse(build(good[1], touch=encrypt), runs)


def test_other_compressions_are_refused(good: tuple[str, dict[str, bytes]], runs: Path) -> None:
    assert "compressed in a way" in refuse(build(good[1], compression=zipfile.ZIP_LZMA), runs)


@pytest.mark.parametrize("content", [b"", b"PK", b"no archive at all", bytes(1000), b"PK\x05\x06" + bytes(18)])
def test_what_is_no_archive_is_refused(runs: Path, content: bytes) -> None:
    refuse(content, runs)


def test_an_archive_that_is_cut_off_or_has_a_flipped_bit_is_refused_or_whole(
    good: tuple[str, dict[str, bytes]], runs: Path
) -> None:
    run_id, members = good
    archive = build(members)
    rng = random.Random(3)
    for length in [0, 1, *rng.sample(range(len(archive)), 25), len(archive) - 1]:
        refuse(archive[:length], runs)
    survived = 0
    for _ in range(100):
        place = rng.randrange(len(archive))
        flipped = archive[:place] + bytes([archive[place] ^ 1 << rng.randrange(8)]) + archive[place + 1 :]
        try:
            take_in(flipped)
        except BundleError:
            assert [path.name for path in runs.iterdir() if not path.name.startswith(".")] == []
            continue
        # A date or a mode of the archive's own: the run is what it was.
        survived += 1
        for name, content in members.items():
            if name != MANIFEST and not name.endswith("about.json"):
                assert (runs / name).read_bytes() == content
        delete_run(run_id)
    assert survived < 20


def test_a_hash_that_differs_and_files_that_nobody_vouches_for_are_refused(
    good: tuple[str, dict[str, bytes]], runs: Path
) -> None:
    run_id, members = good
    name = f"{run_id}/metrics.jsonl"
    changed = members[name].replace(b"0.9", b"1.0")
    assert changed != members[name]
    assert "SHA-256" in refuse(build({**members, name: changed}), runs)
    assert "is not named by manifest.json" in refuse(build({**members, f"{run_id}/environment-2.json": b"{}"}), runs)
    without = {key: content for key, content in members.items() if key != name}
    assert "is missing from the archive" in refuse(build(without), runs)
    assert "holds no manifest.json" in refuse(build({k: v for k, v in members.items() if k != MANIFEST}), runs)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"format": 2}, "written by a newer lab (format 2"),
        ({"format": "1"}, "manifest.json: format"),
        ({"runs": []}, "manifest.json: runs"),
        ({"exported": "NaN"}, "manifest.json: exported"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_refused(
    good: tuple[str, dict[str, bytes]], runs: Path, change: dict[str, Any], sentence: str
) -> None:
    members = good[1]
    manifest = json.dumps(json.loads(members[MANIFEST]) | change).encode()
    assert sentence in refuse(build({**members, MANIFEST: manifest}), runs)


def npy(array: np.ndarray[Any, Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


ROW = (
    b'{"epoch": 1, "step": 1, "train/loss": 1, "train/accuracy": 1, "val/loss": 1, "val/accuracy": %s, '
    b'"learning_rate": 1, "images_per_second": 1, "seconds": 1}\n'
)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("spec.json", b"{", "spec.json: "),
        ("spec.json", b'{"train": {"epochs": 0}}', "train.epochs = 0: must be at least 1"),
        ("about.json", b"[]", "about.json holds no JSON object"),
        ("about.json", b'{"name": 5}', "about.json cannot be read: name: must be text"),
        ("about.json", b'{"name": "x", "created": -1}', "created: must be a time"),
        ("end.json", b'{"state": "running"}', "end.json: state"),
        ("end.json", b'{"state": "finished", "metrics": {"test/accuracy": NaN}}', "NaN is not allowed"),
        ("end.json", b'{"state": "finished", "metrics": {"test/accuracy": 1e999}}', "a number is too large"),
        ("end.json", b'{"state": "finished", "metrics": {"test/accuracy": "0.9"}}', "end.json: metrics.test/accuracy"),
        ("end.json", b"[" * 100_000, "no strict JSON"),
        ("environment.json", b'{"val_images": "many"}', "environment.json: val_images"),
        ("environment.json", b'{"started": "now"}', "environment.json: started"),
        ("environment.json", b'{"x": %s}' % (b"[" * 50 + b"]" * 50), "nested deeper than 20"),
        ("environment-1.json", b'{"class_names": [1]}', "environment-1.json: class_names"),
        ("progress.json", b'{"epoch": "5"}', "progress.json: epoch"),
        ("metrics.jsonl", ROW % b"NaN", "metrics.jsonl, line 1 is no strict JSON: NaN"),
        ("metrics.jsonl", ROW % b'"high"', "metrics.jsonl, line 1: val/accuracy must be a number"),
        ("metrics.jsonl", ROW % b"1" * 2, "metrics.jsonl, line 2: epoch must be 2"),
        ("metrics.jsonl", b'{"epoch": 1}\n', "metrics.jsonl, line 1: step is missing"),
        ("metrics.jsonl", (ROW % b"1")[:-1], "metrics.jsonl, line 1: there is more"),
        ("metrics.jsonl", b" " * 1_000_000, "metrics.jsonl, line 1: there is more"),
        ("predictions/val_best.npy", b"no array", "val_best.npy is no array"),
        ("predictions/val_best.npy", npy(np.array([{}], object)), "val_best.npy must hold logits"),
        ("predictions/val_best.npy", npy(np.zeros((4, 3), np.float16)), "not (4, 3) float16"),
        ("predictions/val_labels.npy", npy(np.zeros((4, 1), np.int64)), "val_labels.npy must hold labels"),
        ("predictions/val_best.npy", npy(np.zeros((4, CLASSES), np.float16))[:-1], "not as long as its header says"),
        ("checkpoints/manifest.json", b'{"checkpoints": []}', "names other checkpoints than there are"),
        ("checkpoints/manifest.json", b'{"checkpoints": [{"name": "../x"}]}', "checkpoints/manifest.json: checkpoints"),
        ("checkpoints/epoch-00005.pt", b"other bytes", "its SHA-256 differs"),
    ],
)  # fmt: skip
def test_files_that_are_not_what_they_should_be_are_refused_by_name(
    good: tuple[str, dict[str, bytes]], runs: Path, name: str, content: bytes, sentence: str
) -> None:
    run_id, members = good
    archive = build(seal({**members, f"{run_id}/{name}": content}))
    assert sentence in refuse(archive, runs)


def test_a_run_without_spec_is_no_whole_run(good: tuple[str, dict[str, bytes]], runs: Path) -> None:
    run_id, members = good
    for name in ("spec.json", "about.json"):
        less = {key: content for key, content in members.items() if key != f"{run_id}/{name}"}
        assert f"{name} is missing" in refuse(build(seal(less)), runs)


class Calls:
    """What a pickle can do: this one makes a file where it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_checkpoint_whose_pickle_calls_something_is_refused_and_calls_nothing(
    runs: Path, tmp_path: Path, protocol: int
) -> None:
    marker = tmp_path / "called"
    run = make_whole_run(write_checkpoint(pickle.dumps({"format": 1, "x": Calls(marker)}, protocol)))
    archive = pack(run)
    delete_run(run.id)
    assert "epoch-00005.pt is refused" in refuse(archive, runs)
    assert not marker.exists()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"no archive", "holds no training state"),
        (pickle.dumps({}), "holds no training state"),
        (write_checkpoint(compression=zipfile.ZIP_DEFLATED, tensor=bytes(1_000_000)), "packed in a way"),
        (build({"state/data/0": b"x"}, compression=zipfile.ZIP_STORED), "holds no training state"),
        (build({"a/data.pkl": b"", "b/data.pkl": b""}, compression=zipfile.ZIP_STORED), "holds no training state"),
        (write_checkpoint(b"\x80\x02}q\x00."[:3]), "holds no training state"),
        (write_checkpoint(b"(S'echo'\nios\nsystem\n."), "its pickle uses STRING"),
        (write_checkpoint(b"cbuiltins\neval\n."), "loading it would call 'builtins.eval'"),
    ],
)
def test_what_is_no_training_state_is_refused(runs: Path, content: bytes, sentence: str) -> None:
    run = make_whole_run(content)
    archive = pack(run)
    delete_run(run.id)
    assert sentence in refuse(archive, runs)


def test_every_optimizer_writes_checkpoints_that_are_let_in(tmp_path: Path) -> None:
    import torch

    from core.engine import checkpoint

    states = {
        "adam": {"step": torch.tensor(3.0), "exp_avg": torch.zeros(3, 3), "flags": torch.tensor([True])},
        "half": {"weight": torch.zeros(2, dtype=torch.bfloat16), "half": torch.zeros(2, dtype=torch.float16)},
        "plain": {"big": 2**40, "small": -3, "long": 2**70, "text": "ä", "none": None, "nested": [(1, 2.5), {3: True}]},
    }
    for name, state in states.items():
        checkpoint.save({"format": checkpoint.FORMAT, **state}, tmp_path / f"{name}.pt")
        check_checkpoint(tmp_path / f"{name}.pt")


def test_a_run_folder_packed_again_by_another_program_is_let_in(good: tuple[str, dict[str, bytes]], runs: Path) -> None:
    run_id, members = good
    folders = [(member(name, stat.S_IFDIR | 0o755), b"") for name in (f"{run_id}/", f"{run_id}/checkpoints/")]
    assert take_in(build(members, more=folders))[0].outcome == "new"


def test_what_a_crash_left_of_an_import_goes_with_the_next(good: tuple[str, dict[str, bytes]], runs: Path) -> None:
    for name, age in ((".import-old", 1.0), (".import-new", None)):
        (runs / name).mkdir()
        if age:
            os.utime(runs / name, (age, age))
    take_in(build(good[1]))
    assert not (runs / ".import-old").exists()
    assert (runs / ".import-new").exists()


def test_an_import_that_breaks_off_leaves_no_run(
    good: tuple[str, dict[str, bytes]], runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", fail)
        assert "No space left on device" in refuse(build(good[1]), runs)
    assert take_in(build(good[1]))[0].outcome == "new"
