"""An archive that is none of ours is refused with a sentence and leaves nothing behind."""

from __future__ import annotations

import json
import os
import random
import shutil
import stat
import warnings
import zipfile
from pathlib import Path
from typing import Any

import pytest

from core.export.archive.pack import MANIFEST, BundleError
from core.launch.launcher import delete_run
from core.runs.listing import list_runs
from tests.bundles import build, make_whole_run, member, pack, seal, take_in
from tests.core.export.archive.refusals import refuse


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
        "{id}/predictions/x.npy", "{id}/SPEC.JSON", "{id}/checkpoints/deep/x.safetensors",
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
    for first, second, reason in (
        ("log.txt", "log.txt", "twice"),
        ("checkpoints/a.safetensors", "checkpoints/A.safetensors", "differ only in case"),
    ):
        members.setdefault(f"{run_id}/{first}", b"x")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            archive = build(members, more=[(member(f"{run_id}/{second}"), b"y")])
        assert reason in refuse(archive, runs)


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

    monkeypatch.setattr(shutil, "disk_usage", lambda _: Full)
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


def test_a_run_that_is_here_is_not_taken_in_twice(runs: Path) -> None:
    run = make_whole_run(name="A run")
    archive = pack(run)
    run.update_about(name="Renamed", note="Seen since")
    (taken,) = take_in(archive)
    assert (taken.id, taken.outcome, taken.name) == (run.id, "here", "Renamed")
    assert len(list_runs()) == 1
