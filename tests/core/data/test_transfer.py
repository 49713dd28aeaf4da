"""A transfer that broke goes on where it stopped, whatever the server does meanwhile, or begins anew."""

import errno
from pathlib import Path

import pytest

from core.data.catalogue import Archive
from core.data.downloads import MIRROR, download
from core.data.store import DataError, data_folder
from core.data.transfer import Part, _OtherFileError
from tests.archives import Server, serve
from tests.core.data.test_downloads import break_off, is_here, kept_file, leftovers


def test_a_download_that_broke_goes_on_where_it_stopped(server: Server) -> None:
    kept, size = break_off(server), len(server.content)
    assert leftovers() == ["cifar10.download"]
    server.sent = 0
    reports: list[int] = []
    download("cifar10", lambda done, total: reports.append(done))
    assert server.ranges == [f"bytes={kept}-"]
    assert server.sent == size - kept
    assert reports[0] == kept
    assert reports[-1] == size
    assert is_here()


def test_a_server_that_sends_no_parts_sends_all(server: Server) -> None:
    break_off(server)
    server.is_plain, server.sent = True, 0
    download("cifar10")
    assert server.sent == len(server.content)
    assert is_here()


def test_a_file_that_changed_meanwhile_is_sent_whole(server: Server) -> None:
    break_off(server)
    server.mark = '"two"'
    download("cifar10")
    assert server.ranges != [None]  # the rest was asked for, if it is still the same
    assert len(server.ranges) == 1
    assert is_here()


@pytest.mark.parametrize("length", ["as it was", "one byte too many", "all of them", "one byte"])
def test_what_is_kept_of_another_file_is_fetched_anew(server: Server, length: str) -> None:
    break_off(server)
    own, size = kept_file().read_bytes(), len(server.content)
    counts = {"as it was": len(own), "one byte too many": size + 1, "all of them": size, "one byte": 1}
    kept_file().write_bytes(b"x" * counts[length])
    download("cifar10")
    assert server.ranges[-1] is None
    assert is_here()


def test_another_file_in_its_place_is_told(server: Server) -> None:
    entry, whole = server.entry, server.content
    kept = break_off(server)
    for other, sentence in ((whole[: kept // 2], "was cut"), (whole + b"more", "sends more"), (b"x", "was cut")):
        server.content = other
        with pytest.raises(DataError, match=sentence):
            download(entry.name)
        assert not (data_folder() / "cifar10").exists()
    server.content = whole
    download("cifar10")
    assert is_here()


def test_what_had_arrived_whole_is_not_asked_for_again(server: Server) -> None:
    break_off(server)
    kept_file().write_bytes(server.content)
    download("cifar10")
    assert server.ranges == []
    assert is_here()


def test_a_download_goes_on_at_another_address(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = break_off(server)
    with serve(server.content) as mirror:
        mirror.mark = '"of the mirror"'
        monkeypatch.setenv(MIRROR, mirror.place)
        download("cifar10")
        assert mirror.ranges == [f"bytes={kept}-"]
    assert server.ranges == []
    assert is_here()


def test_a_full_disk_is_told_and_given_back(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = break_off(server)
    write = Part.write

    def fill(part: Part, chunk: bytes) -> int:
        if part.done > kept:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(part, chunk)

    monkeypatch.setattr(Part, "write", fill)
    with pytest.raises(DataError, match=r"CIFAR-10 cannot be kept in .*: No space left on device"):
        download("cifar10")
    assert leftovers() == []


def test_no_more_than_the_file_has_is_written(tmp_path: Path) -> None:
    part = Part(Archive("https://example.org/a", "0" * 64, 5), tmp_path)
    part.begin(200, {"etag": 'W/"weak"', "last-modified": "Mon"})
    part.write(b"abc")
    part.flush()
    with pytest.raises(_OtherFileError):
        part.write(b"def")
    part.close()
    again = Part(part.archive, tmp_path)
    assert again.done == 3
    assert again.headers() == {"Accept-Encoding": "identity", "If-Range": "Mon", "Range": "bytes=3-"}
