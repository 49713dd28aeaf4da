"""A zip from elsewhere, which may be anything: checked before a byte of it is unpacked, and no larger than it says."""

from __future__ import annotations

import hashlib
import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO

from core.system.safe_zip import MAX_DIRECTORY_BYTES, BoundedFile
from core.text.safe import plain

# What unpacks to more than this and so many times the archive's size is a bomb; JSON lines shrink tenfold at most.
FREE_BYTES, MAX_RATIO = 64_000_000, 20
SPARE_BYTES = 100_000_000  # of the disk, left alone
CHUNK = 1 << 20
# What Python's reader of archives raises for one that is damaged.
DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, RuntimeError, OverflowError)

MakeError = Callable[[str], Exception]  # from a sentence


def open_archive(file: IO[bytes], error: MakeError) -> zipfile.ZipFile:
    """Raises what `error` makes of a sentence."""
    try:
        return zipfile.ZipFile(BoundedFile(file, MAX_DIRECTORY_BYTES, error))
    except (*DAMAGE, OSError) as problem:
        raise error("This is no zip archive, or only part of one.") from problem


def check_archive(
    archive: zipfile.ZipFile,
    size: int,
    folder: Path,
    error: MakeError,
    *,
    max_members: int,
    belongs: Callable[[str], bool] = lambda name: True,
    what: str = "runs",
) -> dict[str, zipfile.ZipInfo]:
    """The members by name, folders left out, that are to be unpacked into a folder; `size` is that of the archive.

    Raises what `error` makes of a sentence: for paths that lead elsewhere, links, bombs, and what does not belong.
    """
    listed = archive.infolist()
    if len(listed) > max_members:
        raise error(f"The archive holds {len(listed):,} files; at most {max_members:,} can belong to {what}.")
    members: dict[str, zipfile.ZipInfo] = {}
    folded: dict[str, str] = {}  # names by what a system that knows no case takes them for
    for member in listed:
        # The name as written: the reader cuts it off at a NUL.
        name = member.orig_filename
        _check_member(member, name, error)
        if not belongs(name) or (name.endswith("/") and member.file_size):
            raise error(f"The archive holds something that belongs to no run: {show_name(name)}.")
        if name.casefold() in folded:
            raise error(_tell_twice(folded[name.casefold()], name))
        folded[name.casefold()] = name
        if not name.endswith("/"):
            members[name] = member
    _check_sizes(listed, size, folder, error)
    return members


def _tell_twice(before: str, name: str) -> str:
    if before == name:
        return f"The archive holds {show_name(name)} twice."
    return f"The archive holds {show_name(before)} and {show_name(name)}, which differ only in case: rename one."


def _check_member(member: zipfile.ZipInfo, name: str, error: MakeError) -> None:
    if "\0" in name or "\\" in name or name.startswith("/") or ".." in name.split("/") or name[1:2] == ":":
        raise error(f"The archive names a path outside of its own folder: {show_name(name)}.")
    mode = stat.S_IFMT(member.external_attr >> 16)
    if mode not in (0, stat.S_IFDIR if name.endswith("/") else stat.S_IFREG):
        raise error(f"The archive holds a link or special file: {show_name(name)}.")
    if member.flag_bits & 0x41:
        raise error("The archive is encrypted.")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise error(f"{show_name(name)} is compressed in a way that is not read here.")


def _check_sizes(members: list[zipfile.ZipInfo], size: int, folder: Path, error: MakeError) -> None:
    total = sum(member.file_size for member in members)
    if total > FREE_BYTES + MAX_RATIO * size:
        raise error(f"The archive has {size / 1e6:,.1f} MB and would unpack to {total / 1e6:,.0f} MB: refused.")
    # 30 bytes of header and the name stand before every file's bytes.
    ends = 0
    for member in sorted(members, key=lambda each: each.header_offset):
        if member.header_offset < ends:
            raise error("The archive's files overlap, as those of a bomb do.")
        ends = member.header_offset + 30 + len(member.orig_filename) + member.compress_size
    if ends > size:
        raise error("This is no zip archive, or only part of one.")
    free = shutil.disk_usage(folder).free
    if total + SPARE_BYTES > free:
        raise error(f"It needs {total / 1e6:,.0f} MB of disk space; {free / 1e6:,.0f} MB are free.")


def extract_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, error: MakeError) -> tuple[str, int]:
    """Writes one new file and returns its SHA-256 and size."""
    digest, size = hashlib.sha256(), 0
    with archive.open(member) as source, open(path, "xb") as target:
        while chunk := source.read(CHUNK):
            size += len(chunk)
            if size > member.file_size:
                raise error(f"{show_name(path.name)} is larger than the archive says.")
            digest.update(chunk)
            target.write(chunk)
    return digest.hexdigest(), size


def show_name(name: str) -> str:
    """A name from outside for a sentence: short, and without control characters."""
    safe = plain(name)
    return safe if len(safe) <= 80 else f"{safe[:79]}…"
