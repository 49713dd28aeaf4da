"""A data set arrives whole or not at all, and every trouble is a sentence."""

import io
import json
import os
import re
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from core.data import catalogue, downloads
from core.data.bring import bring, list_brought
from core.data.catalogue import DATASETS
from core.data.downloads import MIRROR, download, find_download, read_download, start_download, take_archives
from core.data.store import DataError, data_folder, work_folder
from core.spec import DataSpec
from tests.archives import Server, cifar_files, fashion_files, leading_to, pack, serve


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def leftovers() -> list[str]:
    """What lies in the data folder apart from locks, logs and the progress file."""
    return [
        path.name
        for path in [*data_folder().iterdir(), *work_folder().iterdir()]
        if path.name != ".work" and path.suffix not in (".lock", ".log", ".json")
    ]


def test_a_download_is_verified_unpacked_and_counted_to_the_last_byte(server: Server) -> None:
    reports: list[tuple[int, int]] = []
    folder = download("cifar10", lambda done, total: reports.append((done, total)))
    assert folder == data_folder() / "cifar10"
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == set(cifar_files())
    size = len(server.content)
    assert reports[-1] == (size, size)
    assert all(0 <= done <= total == size for done, total in reports)
    assert [done for done, _ in reports] == sorted(done for done, _ in reports)
    assert leftovers() == ["cifar10"]
    progress = read_download("cifar10")
    assert progress
    assert (progress.state, progress.done, progress.total) == ("done", size, size)
    status = {status.name: status for status in catalogue.list_datasets()}["cifar10"]
    assert status.present
    assert status.bytes_on_disk == sum(map(len, cifar_files().values()))


@pytest.mark.parametrize(
    ("mode", "sentence"),
    [
        ("flipped", r"^CIFAR-10 arrived damaged: its checksum is wrong.*try again"),
        ("missing", r"answers 404"),
        ("endless", r"sends more than the archive"),
        ("moved", r"^http://192\.0\.2\.1/.* is not fetched: only https is allowed"),
    ],
)
def test_a_broken_download_is_a_sentence_and_the_next_try_starts_cleanly(
    server: Server, mode: str, sentence: str
) -> None:
    server.mode = mode
    with pytest.raises(DataError, match=sentence):
        download("cifar10")
    assert leftovers() == []
    progress = read_download("cifar10")
    assert progress
    assert progress.state == "failed"
    assert re.search(sentence, progress.error)
    server.mode = "whole"
    assert download("cifar10").is_dir()
    assert leftovers() == ["cifar10"]


def test_a_server_that_is_not_there_is_a_sentence(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(b"") as gone:
        entry = gone.entry
    monkeypatch.setitem(DATASETS, "cifar10", leading_to(entry))
    with pytest.raises(DataError, match=r"the connection to 127\.0\.0\.1 failed"):
        download("cifar10")


def test_two_downloads_at_once_fetch_once(server: Server) -> None:
    server.mode = "held"
    with ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(download, "cifar10") for _ in range(2)]
        assert server.asked.wait(30)
        server.release.set()
        assert {job.result(60) for job in jobs} == {data_folder() / "cifar10"}
    assert server.requests == 1


def test_an_archive_that_reaches_out_of_its_folder_is_refused(
    lab_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(pack({"../../../outside": b"x", **cifar_files()})) as server:
        monkeypatch.setitem(DATASETS, "cifar10", leading_to(server.entry))
        with pytest.raises(DataError, match="cannot be unpacked"):
            download("cifar10")
    assert not list(lab_folders.rglob("outside"))
    assert leftovers() == []


def test_an_archive_without_a_file_that_training_needs_is_refused(
    lab_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = cifar_files()
    del files["cifar-10-batches-py/test_batch"]
    with serve(pack(files)) as server:
        monkeypatch.setitem(DATASETS, "cifar10", leading_to(server.entry))
        with pytest.raises(DataError, match="lacks cifar-10-batches-py/test_batch"):
            download("cifar10")
    assert leftovers() == []


def test_the_catalogue_holds_only_https_addresses_with_sha256() -> None:
    fetched = [entry.download for entry in DATASETS.values() if entry.download]
    assert len(fetched) >= 2
    for archive in (archive for entry in fetched for archive in entry.archives):
        assert archive.url.startswith("https://")
        assert re.fullmatch("[0-9a-f]{64}", archive.sha256)


@pytest.mark.parametrize("url", ["http://example.org/a", "ftp://127.0.0.1/a", "http://127.0.0.1.example.org/a"])
def test_anything_but_https_is_refused_before_it_is_asked_for(
    lab_folders: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    with serve(b"") as server:
        entry = server.entry
    archives = (replace(entry.archives[0], url=url),)
    monkeypatch.setitem(DATASETS, "cifar10", leading_to(replace(entry, archives=archives)))
    with pytest.raises(DataError, match="only https is allowed"):
        download("cifar10")


def test_an_unknown_name_is_a_sentence_that_lists_what_there_is() -> None:
    with pytest.raises(
        DataError, match="no data set 'mnist' to download; there are cifar10, cifar100, fashionmnist, svhn"
    ):
        download("mnist")


def test_a_data_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RESNET_LAB_DATA", str(tmp_path / "file" / "data"))
    with pytest.raises(DataError, match=r"^The data folder .*file/data cannot be written: "):
        download("cifar10")


@pytest.fixture
def detached(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    """`start_download` in a process that knows this server's entry too."""
    code = (
        "import sys; from core.data.catalogue import DATASETS, Archive, Dataset, Download; "
        "from core.data import downloads; "
        f"DATASETS['cifar10'] = {leading_to(server.entry)!r}; downloads.download(sys.argv[1])"
    )
    (tmp_path / "detached_download.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(downloads, "_download_command", lambda name: ["detached_download", name])
    return server


def test_a_started_download_shows_its_progress_and_ends_in_a_process_of_its_own(detached: Server) -> None:
    detached.mode = "held"
    assert read_download("cifar10") is None
    start_download("cifar10")
    progress = read_download("cifar10")
    assert progress
    assert progress.state == "running"
    assert progress.total == len(detached.content)
    assert detached.asked.wait(30)
    start_download("cifar10")  # does nothing: one is at work
    with pytest.raises(DataError, match="is being downloaded"):
        downloads.delete_dataset("cifar10")
    detached.release.set()
    wait_for(lambda: (read_download("cifar10") or progress).state == "done")
    assert detached.requests == 1


def test_a_killed_download_is_told_from_a_live_one_and_goes_on(detached: Server) -> None:
    detached.mode = "held"
    start_download("cifar10")
    assert detached.asked.wait(30)
    wait_for(lambda: kept_file().is_file() and kept_file().stat().st_size > 0)
    note = json.loads((work_folder() / "cifar10.json").read_text())
    os.kill(note["pid"], signal.SIGKILL)
    wait_for(lambda: (read_download("cifar10") or pytest.fail("no progress")).state == "failed", 5)
    progress = read_download("cifar10")
    assert progress
    assert "ended before it was complete; start it again" in progress.error
    kept = kept_file().stat().st_size
    detached.mode = "whole"
    start_download("cifar10")
    wait_for(lambda: (read_download("cifar10") or pytest.fail("no progress")).state == "done")
    assert detached.ranges == [None, f"bytes={kept}-"]
    wait_for(is_here)  # what was kept goes last


def test_a_download_that_dies_before_it_begins_shows_as_failed(
    lab_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "_download_command", lambda name: ["core.no_such_module"])
    start_download("cifar10")
    wait_for(lambda: (read_download("cifar10") or pytest.fail("no progress")).state == "failed")


def test_the_detached_download_is_the_command_line_of_the_lab(lab_folders: Path) -> None:
    assert downloads._download_command("cifar100") == ["core", "data", "download", "cifar100", "--quiet"]


def test_a_deleted_data_set_is_gone_and_can_be_downloaded_again(server: Server) -> None:
    download("cifar10")
    downloads.delete_dataset("cifar10")
    assert leftovers() == []
    assert read_download("cifar10") is None
    assert not catalogue.is_ready(DataSpec(dataset="cifar10"))
    download("cifar10")
    assert catalogue.is_ready(DataSpec(dataset="cifar10"))
    assert server.requests == 2


def test_the_archive_is_taken_from_the_disk_by_the_same_checksum(server: Server, tmp_path: Path) -> None:
    damaged = bytearray(server.content)
    damaged[len(damaged) // 2] ^= 1
    for content in (bytes(damaged), b"another file"):
        with pytest.raises(DataError, match=r"not the archive of CIFAR-10: its SHA-256 .* Nothing was kept"):
            take_archives("cifar10", [io.BytesIO(content)])
        assert leftovers() == []
    assert take_archives("cifar10", [io.BytesIO(server.content)]) == data_folder() / "cifar10"
    assert leftovers() == ["cifar10"]
    assert catalogue.is_ready(DataSpec(dataset="cifar10"))


def test_what_is_brought_may_be_the_archive_of_a_known_set(server: Server) -> None:
    assert bring(io.BytesIO(server.content), "any name") == DataSpec(dataset="cifar10")
    assert catalogue.is_ready(DataSpec(dataset="cifar10"))
    assert list_brought() == []


def test_another_address_of_the_same_bytes_can_be_set(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    (own,) = server.entry.archives
    moved = replace(server.entry, archives=(replace(own, url="https://gone.invalid/a/b.tar.gz"),))
    monkeypatch.setitem(DATASETS, "cifar10", leading_to(moved))
    monkeypatch.setenv(MIRROR, f"{server.place}/")
    assert [archive.url for archive in find_download("cifar10").archives] == [f"{server.place}/b.tar.gz"]
    download("cifar10")
    assert catalogue.is_ready(DataSpec(dataset="cifar10"))
    monkeypatch.setenv(MIRROR, "http://192.0.2.1/")
    with pytest.raises(DataError, match="only https is allowed"):
        download("cifar10")


# Going on


def break_off(server: Server, name: str = "cifar10") -> int:
    """A download that is cut; returns the bytes that are kept."""
    server.mode = "cut"
    with pytest.raises(DataError, match=r"was cut\. .* are kept: try again to go on from there"):
        download(name)
    server.mode = "whole"
    server.ranges.clear()
    progress = read_download(name)
    assert progress
    assert progress.state == "failed"
    assert 0 < progress.done < progress.total
    return progress.done


def is_here() -> bool:
    """Whether the set is there, byte for byte, and nothing beside it."""
    found = {str(path.relative_to(data_folder() / "cifar10")): path for path in data_folder().glob("cifar10/*/*")}
    return {name: path.read_bytes() for name, path in found.items()} == cifar_files() and leftovers() == ["cifar10"]


def kept_file() -> Path:
    return work_folder() / "cifar10.download" / "archive.tar.gz"


def test_what_is_kept_can_be_given_up(server: Server) -> None:
    break_off(server)
    assert downloads.delete_dataset("cifar10")
    assert leftovers() == []
    assert not downloads.delete_dataset("cifar10")
    assert read_download("cifar10") is None


# Sets of several files


@pytest.fixture
def fashion(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setitem(DATASETS, "fashionmnist", leading_to(server.lead("fashionmnist", fashion_files())))
    return server


def test_a_set_of_several_files_is_fetched_and_inflated_where_torchvision_reads_it(fashion: Server) -> None:
    reports: list[int] = []
    folder = download("fashionmnist", lambda done, total: reports.append(done))
    found = {path.name: path.read_bytes() for path in (folder / "FashionMNIST" / "raw").iterdir()}
    assert found == fashion_files()
    assert reports == sorted(reports)
    assert reports[-1] == sum(map(len, fashion.others.values()))
    assert leftovers() == ["fashionmnist"]


def test_files_that_arrived_are_not_asked_for_again(fashion: Server) -> None:
    fashion.cuts = ("train-labels-idx1-ubyte.gz",)
    fashion.mode = "cut"
    with pytest.raises(DataError, match=r"^Fashion-MNIST: "):
        download("fashionmnist")
    fashion.mode, fashion.requests = "whole", 0
    download("fashionmnist")
    assert fashion.requests == 3
    assert catalogue.is_ready(DataSpec(dataset="fashionmnist"))


def test_a_set_of_several_files_is_taken_from_the_disk_when_all_are_named(fashion: Server) -> None:
    files = [io.BytesIO(content) for content in fashion.others.values()]
    with pytest.raises(
        DataError, match=r"Fashion-MNIST comes in 4 files: name t10k-images-.*\.gz and t10k-labels-.*too"
    ):
        take_archives("fashionmnist", files[:2])
    assert leftovers() == []
    with pytest.raises(DataError, match="not the archive of Fashion-MNIST"):
        take_archives("fashionmnist", [*files, io.BytesIO(b"other")])
    take_archives("fashionmnist", files[::-1])  # in any order
    assert catalogue.is_ready(DataSpec(dataset="fashionmnist"))
