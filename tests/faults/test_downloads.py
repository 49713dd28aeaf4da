"""A data set arrives verified or not at all, however its download is killed, doubled or falsified."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from core.data import downloads
from core.data.catalogue import DATASETS, Download
from core.data.downloads import download, read_download
from core.data.store import DataError, data_folder
from core.data.transfer import Part
from tests.archives import Server, cifar_files, leading_to, pack, serve
from tests.core.workers import _started, fork, wait_for

SLOW_SECONDS = 0.6  # for one archive, so that a kill can fall anywhere in it


@pytest.fixture
def server(lab_folders: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """CIFAR-10's entry leads to a small archive on loopback, which arrives slowly."""
    with serve(pack(cifar_files())) as started:
        started.mode, started.seconds = "slow", SLOW_SECONDS
        monkeypatch.setitem(DATASETS, "cifar10", leading_to(started.entry))
        yield started


def fetch(entry: Download, environment: dict[str, str]) -> None:
    """`python -m core data download`, in a process that has loaded all it needs."""
    os.setsid()
    os.environ.update(environment)
    DATASETS["cifar10"] = leading_to(entry)
    with suppress(DataError):
        download("cifar10")
    os._exit(0)


def start(entry: Download, how: Callable[..., None] = fetch) -> int:
    return fork(how, entry, {"RESNET_LAB_DATA": str(data_folder())})


def is_whole() -> bool:
    """Whether every file of the data set is there, byte for byte."""
    folder = data_folder() / "cifar10"
    return all((folder / name).read_bytes() == content for name, content in cifar_files().items())


def leftovers() -> list[str]:
    work = data_folder() / ".work"
    return [path.name for path in work.iterdir() if path.suffix not in (".lock", ".log", ".json")]


@pytest.mark.slow
@pytest.mark.promise(
    9,
    "A download that is killed leaves no half data set; the next one goes on where it stopped and ends verified.",
    how="killed at 20 random moments, from the first byte to the rename, one going on from the other, then downloaded",
    control="unpacked straight into its place, a killed download leaves a data set with files missing",
)
def test_a_download_killed_at_random_moments_leaves_nothing_half_done(
    server: Server, full: bool, record_figure: Callable[[str], None]
) -> None:
    rng, kills, whole = random.Random(9), 0, 0
    number = 20 if full else 4
    while kills < number:
        asked = server.requests
        start(server.entry)
        process = _started.pop()
        wait_for(lambda asked=asked, process=process: server.requests > asked or not process.is_alive())
        time.sleep(rng.uniform(0, 1.3 * SLOW_SECONDS))
        process.kill()
        process.join()
        killed = process.exitcode == -signal.SIGKILL
        kills += killed
        if (data_folder() / "cifar10").is_dir():
            assert is_whole()
            whole += killed
            downloads.delete_dataset("cifar10")
            continue
        assert killed
        progress = read_download("cifar10")
        assert progress is None or (progress.state, "start it again" in progress.error) == ("failed", True)
    server.mode = "whole"
    download("cifar10")
    assert is_whole()
    assert leftovers() == []
    record_figure(f"{kills} kills: {whole} times whole already, else nothing; then verified")


@pytest.mark.promise(
    9,
    "Two downloads at once fetch once, and both end with the verified data set; where the first is killed, the second "
    "takes over.",
    how="two processes at once; and again with the first killed in the middle",
    control="without the lock both fetch",
)
@pytest.mark.parametrize("killed", [False, True], ids=["both live", "the first is killed"])
def test_two_downloads_at_once_end_with_one_verified_data_set(
    server: Server, record_figure: Callable[[str], None], killed: bool
) -> None:
    first = start(server.entry)
    wait_for(lambda: server.requests == 1)
    start(server.entry)
    if killed:
        os.kill(first, signal.SIGKILL)
    for _ in range(2):
        _started.pop().join()
    assert is_whole()
    assert leftovers() == []
    assert server.requests == 1 + killed
    record_figure(f"{'first killed' if killed else 'both live'}: fetched {server.requests} times, verified")


@pytest.mark.promise(
    9,
    "A byte that is wrong in the archive is told, and nothing of it is kept.",
    how="one byte flipped at random places of the archive as it is sent",
    control="without the checksum, an archive with another pixel is taken",
)
def test_a_flipped_byte_is_told_and_nothing_is_kept(
    server: Server, full: bool, record_figure: Callable[[str], None]
) -> None:
    rng, number = random.Random(9), 100 if full else 10
    entry, server.mode = server.entry, "whole"
    content = server.content
    for _ in range(number):
        index = rng.randrange(len(content))
        server.content = content[:index] + bytes([content[index] ^ (1 << rng.randrange(8))]) + content[index + 1 :]
        with pytest.raises(DataError, match="checksum is wrong"):
            download(entry.name)
        assert not (data_folder() / "cifar10").exists()
        assert leftovers() == []
    server.content = content
    download("cifar10")
    assert is_whole()
    record_figure(f"{number} flipped bytes: all told, nothing kept")


# Controls


def fetch_in_place(entry: Download, environment: dict[str, str]) -> None:
    """A download that unpacks where the data set belongs, and is killed after three files."""

    def unpack(wanted: Download, archive: Path, folder: Path) -> None:
        for name in list(cifar_files())[:3]:
            path = data_folder() / "cifar10" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(cifar_files()[name])
        os.kill(os.getpid(), signal.SIGKILL)

    downloads._unpack = unpack
    fetch(entry, environment)


def fetch_without_lock(entry: Download, environment: dict[str, str]) -> None:
    downloads.lock_for = lambda _: nullcontext()
    fetch(entry, environment)


def test_control_unpacked_into_its_place_a_killed_download_leaves_files_missing(server: Server) -> None:
    server.mode = "whole"
    start(server.entry, fetch_in_place)
    _started.pop().join()
    with pytest.raises(FileNotFoundError):
        is_whole()


def test_control_without_the_lock_both_fetch(server: Server) -> None:
    for _ in range(2):
        start(server.entry, fetch_without_lock)
    wait_for(lambda: server.requests == 2)
    for _ in range(2):
        _started.pop().join()


def test_control_without_the_checksum_another_pixel_is_taken(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = cifar_files()
    name = "cifar-10-batches-py/data_batch_1"
    changed[name] = changed[name][:500] + bytes([changed[name][500] ^ 1]) + changed[name][501:]
    server.mode, server.content = "whole", pack(changed)
    (archive,) = server.entry.archives
    monkeypatch.setitem(DATASETS, "cifar10", leading_to(replace(server.entry, archives=(archive,))))
    monkeypatch.setattr(Part, "is_right", lambda part: True)
    download("cifar10")
    assert not is_whole()
