"""One file from a server, verified; what had arrived when a transfer broke is kept, and the next one goes on from it.

The server is asked for the rest (RFC 9110, Range). One that cannot send a part sends all, which is then taken instead.
Whether what is there is of the same file, also where another address was set, is decided by the SHA-256 of the whole:
where it is not, the file is fetched once more from its beginning.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any
from urllib.parse import urljoin, urlsplit

from core.data.catalogue import Archive
from core.data.store import DataError
from core.system.errors import LabError
from core.system.files import find_note, write_json
from core.text.formats import format_bytes

ReportDone = Callable[[int], None]  # called with the bytes that are there

_CHUNK_BYTES = 1 << 16  # what is written, and so kept, at once
_TIMEOUT_SECONDS = 30
_PARTIAL, _NOT_THERE = 206, 416  # statuses: a part of the file; none of it from there on
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class _OtherFileError(LabError):
    """The server cannot go on from what is there: it has another file, or a shorter one."""


class Part:
    """A file as far as it has arrived; `write` and `flush` are what pooch needs of a file to download into."""

    def __init__(self, archive: Archive, folder: Path, report: ReportDone = lambda done: None) -> None:
        self.archive, self.report = archive, report
        self.path, self._about = folder / archive.name, folder / f"{archive.name}.json"
        self.done = self.path.stat().st_size if self.path.is_file() else 0
        self._file: IO[bytes] | None = None

    def headers(self) -> dict[str, str]:
        """What is asked for: the rest, if the server still has the file of which the beginning is here."""
        plain = {"Accept-Encoding": "identity"}  # packed once more, places in the file could not be named
        if not self.done:
            return plain
        note = find_note(self._about) or {}
        same = {"If-Range": str(note["mark"])} if note.get("url") == self.archive.url and note.get("mark") else {}
        return plain | same | {"Range": f"bytes={self.done}-"}

    def begin(self, status: int, headers: Any) -> None:
        """Before the first byte: goes on from what is there, or from nothing, as the server answers."""
        if status == _PARTIAL:
            found = _RANGE.fullmatch(headers.get("content-range", ""))
            if not found or int(found[1]) != self.done or found[2] not in ("*", str(self.archive.num_bytes)):
                raise _OtherFileError
        elif status == _NOT_THERE:
            raise _OtherFileError
        elif status == 200:
            self.discard()
        else:
            return
        mark = headers.get("etag", "")
        # A weak mark does not promise the same bytes.
        mark = headers.get("last-modified", "") if not mark or mark.startswith("W/") else mark
        write_json(self._about, {"url": self.archive.url, "mark": mark}, sync=False)
        self._file = self.path.open("ab")

    def write(self, chunk: bytes) -> int:
        """Raises `_OtherFileError` for more than the file has."""
        if self._file is None or self.done + len(chunk) > self.archive.num_bytes:
            raise _OtherFileError
        self.done += self._file.write(chunk)
        return len(chunk)

    def flush(self) -> None:
        if self._file:
            self._file.flush()
        self.report(self.done)

    def close(self) -> None:
        if self._file:
            self._file.close()
            self._file = None

    def discard(self) -> None:
        self.close()
        self.done = 0
        for path in (self.path, self._about):
            path.unlink(missing_ok=True)

    def is_right(self) -> bool:
        """Whether it is the whole file, by its SHA-256."""
        import pooch

        return self.done == self.archive.num_bytes and pooch.file_hash(self.path) == self.archive.sha256


def receive(part: Part, title: str) -> Path:
    """The whole file, verified. Raises `DataError`, which says how much is kept for the next try; OSError of the disk.

    `title` is what the file is of.
    """
    for was_begun in (True, False) if part.done else (False,):
        try:
            if not part.done or part.done < part.archive.num_bytes:
                _ask(part, title)
            if part.is_right():
                return part.path
        except _OtherFileError:
            if not was_begun:
                part.discard()
                raise DataError(f"{title}: the server sends more than the archive; nothing was kept.") from None
        part.discard()
    raise DataError(f"{title} arrived damaged: its checksum is wrong. Nothing was kept; try again.")


def _ask(part: Part, title: str) -> None:
    import pooch  # imports requests: a quarter of a second that a page need not wait for
    from requests.exceptions import ConnectionError, HTTPError, RequestException, Timeout

    url = part.archive.url
    refuse_insecure(url)

    def look(response: Any, *args: Any, **kwargs: Any) -> None:
        if response.is_redirect:
            refuse_insecure(urljoin(response.url, response.headers["location"]))
        else:
            part.begin(response.status_code, response.headers)

    fetch = pooch.HTTPDownloader(
        chunk_size=_CHUNK_BYTES, timeout=_TIMEOUT_SECONDS, headers=part.headers(), hooks={"response": look}
    )
    try:
        fetch(url, part, None)
    except HTTPError as error:
        status = error.response.status_code if error.response is not None else "an error"
        raise DataError(f"{url} answers {status}. {_tell_kept(part, later=True)}") from error
    except (ConnectionError, Timeout) as error:
        host = urlsplit(url).hostname
        raise DataError(f"{title}: the connection to {host} failed or was cut. {_tell_kept(part)}") from error
    except RequestException as error:
        raise DataError(f"{title}: the download was cut. {_tell_kept(part)}") from error
    except OSError:  # the disk is full, or gone: what was taken of it is given back
        with suppress(OSError):
            part.discard()
        raise
    finally:
        part.close()
    if part.done < part.archive.num_bytes:
        raise DataError(f"{title}: the download was cut. {_tell_kept(part)}")


def _tell_kept(part: Part, *, later: bool = False) -> str:
    again = "try again later" if later else "try again"
    if not part.done:
        return f"Nothing was kept; {again}."
    kept, whole = format_bytes(part.done), format_bytes(part.archive.num_bytes)
    return f"{kept} of {whole} are kept: {again} to go on from there."


def refuse_insecure(url: str) -> None:
    """https only; http is allowed to this machine itself, for the tests' server. Raises `DataError`."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return
    try:
        local = parts.scheme == "http" and ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        local = False
    if not local:
        raise DataError(f"{url} is not fetched: only https is allowed.")
