"""Files that somebody hands over to run code, to fill the memory or to write elsewhere: checkpoints, archives, images.

`write_all` makes them; whoever loads one that runs its payload makes the file `PWNED` beside it.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.security.hostile_checkpoints import checkpoints
from tests.security.payload import BOMB_BYTES, Call, payload


@dataclass(frozen=True)
class Hostile:
    """A file and by which of the lab's doors it comes in; see `swallow.py`."""

    name: str
    door: str
    path: Path


# Archives of runs --------------------------------------------------------------------------------------------------

RUN_ID = "20260101-000000-000-abcdef"
OUTSIDE = "planted"  # what an archive would write outside of its folder


def member(name: str, mode: int = 0o100644, flags: int = 0) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.filename = name  # as it is, also with what Python would cut off
    info.external_attr = mode << 16
    info.flag_bits |= flags
    return info


def zip_of(*members: tuple[zipfile.ZipInfo | str, bytes], compress: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", compress) as archive:
        warnings.simplefilter("ignore")  # of a name that is there already
        for info, content in members:
            archive.writestr(info, content, compress)
    return buffer.getvalue()


def archives(folder: Path) -> Iterator[tuple[str, bytes]]:
    text = b"{}"
    names = {
        "up and out": f"../../{OUTSIDE}",
        "out of its run": f"{RUN_ID}/../../{OUTSIDE}",
        "an absolute path": str(folder / OUTSIDE),
        "backslashes": f"..\\..\\{OUTSIDE}",
        "a drive": f"C:/{OUTSIDE}",
        "a hidden folder of the lab's": ".clicks/x",
        "the lab's settings": "settings.json",
        "a lock of a run's": f"{RUN_ID}/run.lock",
        "a request of a run's": f"{RUN_ID}/stop",
        "a folder named as up": f"{RUN_ID}/checkpoints/../../{OUTSIDE}",
        "dots that look alike": f"\N{FULLWIDTH FULL STOP}\N{FULLWIDTH FULL STOP}/{OUTSIDE}",
        "a name that a NUL ends": f"{RUN_ID}/spec.json\0/../../{OUTSIDE}",
        "a name of 60,000 letters": f"{RUN_ID}/{'x' * 60_000}",
    }
    for what, name in names.items():
        yield f"member: {what}", zip_of((member(name), text))
    target = str(folder / OUTSIDE).encode()
    yield "a symbolic link", zip_of((member(f"{RUN_ID}/spec.json", 0o120777), target))
    yield (
        "a link, then a file through it",
        zip_of(
            (member(f"{RUN_ID}/checkpoints", 0o120777), b"../.."), (member(f"{RUN_ID}/checkpoints/{OUTSIDE}"), text)
        ),
    )
    yield "a device", zip_of((member(f"{RUN_ID}/log.txt", 0o020666), b""))
    yield "a pipe", zip_of((member(f"{RUN_ID}/log.txt", 0o010666), b""))
    yield "twice the same file", zip_of((member("manifest.json"), text), (member("manifest.json"), b"[]"))
    yield "names that differ in case", zip_of((member("manifest.json"), text), (member("Manifest.json"), text))
    yield (
        "encrypted",
        zip_of((member("manifest.json"), text)).replace(
            b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01"
        ),
    )
    yield "a manifest a thousand times its size", zip_of((member("manifest.json"), bytes(BOMB_BYTES)))
    yield "a log a thousand times its size", zip_of((member(f"{RUN_ID}/log.txt"), bytes(BOMB_BYTES)))
    yield "a zip in a zip in a zip", zip_of(("a.zip", zip_of(("b.zip", zip_of(("c", bytes(1_000_000)))))))
    yield "one that claims 16 exabytes", _claim(zip_of((member(f"{RUN_ID}/log.txt"), bytes(1000))))
    yield "60,000 empty files", zip_of(*((member(f"{RUN_ID}/{number}.json"), b"") for number in range(60_000)))
    yield "overlapping files", _overlap(folder)
    yield "another program's", zip_of(("readme.txt", b"hello"))
    yield "a manifest without its files", zip_of((member("manifest.json"), json.dumps(_manifest()).encode()))
    yield (
        "a manifest with a path for an id",
        zip_of((member("manifest.json"), json.dumps(_manifest(id=f"../{OUTSIDE}")).encode())),
    )
    yield "nested a thousand times", zip_of((member("manifest.json"), b"[" * 100_000))
    yield "cut off", zip_of((member("manifest.json"), text))[:-30]
    yield "a gzip", zlib.compress(bytes(1000))
    yield "empty", b""


def _manifest(**run: Any) -> dict[str, Any]:
    files = {"spec.json": {"bytes": 2, "sha256": "0" * 64}}
    packed = {"id": RUN_ID, "name": "x", "state": "finished", "checkpoints": True, "files": files, **run}
    return {"format": 1, "lab": "0", "exported": 0.0, "runs": [packed]}


def _claim(archive: bytes) -> bytes:
    """The sizes of its one file as large as 32 bits can tell."""
    index = archive.index(b"PK\x01\x02")
    return archive[: index + 20] + b"\xfe\xff\xff\xff" * 2 + archive[index + 28 :]


def _overlap(folder: Path) -> bytes:
    """Two entries of the list for one and the same file, as bombs have thousands of."""
    plain = zip_of((member("manifest.json"), b"{}"), (member(f"{RUN_ID}/spec.json"), b"{}"))
    second = plain.index(b"PK\x01\x02", plain.index(b"PK\x01\x02") + 1)
    return plain[: second + 42] + struct.pack("<I", 0) + plain[second + 46 :]


# Archives of data sets ---------------------------------------------------------------------------------------------


def tar_of(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def tar_member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, link, 0o4777
    return info


def tars(folder: Path) -> Iterator[tuple[str, bytes]]:
    outside = str(folder / OUTSIDE)
    yield "tar: up and out", tar_of((tar_member(f"../../{OUTSIDE}"), b"x"))
    yield "tar: an absolute path", tar_of((tar_member(outside), b"x"))
    yield "tar: a link out", tar_of((tar_member("a", tarfile.SYMTYPE, outside), b""))
    yield (
        "tar: a file through a link",
        tar_of((tar_member("a", tarfile.SYMTYPE, str(folder)), b""), (tar_member(f"a/{OUTSIDE}"), b"x")),
    )
    yield "tar: a hard link out", tar_of((tar_member("a", tarfile.LNKTYPE, "/etc/hostname"), b""))
    yield "tar: a device", tar_of((tar_member("a", tarfile.BLKTYPE), b""))
    yield "tar: a pipe", tar_of((tar_member("a", tarfile.FIFOTYPE), b""))
    yield "tar: without what it should hold", tar_of((tar_member("a"), b"x"))
    yield "tar: cut off", tar_of((tar_member("a"), os.urandom(5000)))[:-2000]
    yield "tar: noise", b"\x1f\x8b" + bytes(range(250))


# Images and predictions --------------------------------------------------------------------------------------------


def png(width: int, height: int, rows: bytes, *, depth: int = 1, colour: int = 0, extra: bytes = b"") -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    text = chunk(b"zTXt", b"x\0\0" + extra) if extra else b""
    return b"\x89PNG\r\n\x1a\n" + head + text + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def images(folder: Path) -> Iterator[tuple[str, bytes]]:
    yield "image: claims 60,000 x 60,000", png(60_000, 60_000, bytes(1000))
    yield "image: is 13,000 x 13,000", png(13_000, 13_000, bytes(13_000 * 1626))
    yield "image: 2 billion wide", png(2**31 - 1, 1, bytes(100))
    yield "image: no width", png(0, 5, bytes(100))
    yield "image: a text a thousand times its size", png(8, 8, bytes(16), extra=zlib.compress(bytes(BOMB_BYTES)))
    yield (
        "image: BMP that claims 30,000 x 30,000",
        b"BM" + struct.pack("<IHHIIiiHH", 54, 0, 0, 54, 40, 30_000, 30_000, 1, 24) + bytes(24),
    )
    yield "image: PPM of 10^9 x 10^9", b"P6 1000000000 1000000000 255 " + bytes(100)
    yield (
        "image: PostScript",
        f"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n(|{payload(folder)}) (r) file\n".encode(),
    )
    yield (
        "image: SVG that asks elsewhere",
        b'<svg xmlns="http://www.w3.org/2000/svg"><image href="http://127.0.0.1:9/x"/></svg>',
    )
    yield "image: TIFF of a directory that names itself", b"II*\0\x08\0\0\0\x00\x00\x08\0\0\0" + bytes(50)
    yield (
        "image: GIF of 65,535 x 65,535",
        b"GIF89a\xff\xff\xff\xff\x80\0\0" + bytes(6) + b",\0\0\0\0\xff\xff\xff\xff\0\x02\x02L\x01\0;",
    )
    yield "image: WebP cut off", b"RIFF\xff\xff\xff\xffWEBPVP8 " + bytes(30)
    yield "image: a pickle", pickle.dumps(Call(os.system, payload(folder)))


def arrays(folder: Path) -> Iterator[tuple[str, bytes]]:
    def npy(header: str, content: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
        text = header.encode() + b"\n"
        return b"\x93NUMPY" + version + struct.pack("<H", len(text)) + text + content

    called = pickle.dumps(Call(os.system, payload(folder)))
    yield "array: of objects", npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", called)
    yield "array: of 10^13 numbers", npy("{'descr': '<f2', 'fortran_order': False, 'shape': (10000000, 1000000)}")
    yield "array: of 4 x 10^8 numbers", npy("{'descr': '<f2', 'fortran_order': False, 'shape': (100000000, 4)}")
    yield "array: of -1 numbers", npy("{'descr': '<f2', 'fortran_order': False, 'shape': (-1,)}")
    yield "array: a header that is code", npy(f"__import__('os').system({payload(folder)!r})")
    yield "array: a header nested too deeply", npy("(" * 9000)
    yield "array: a header that is not there", b"\x93NUMPY\x02\x00\xff\xff\xff\x7f"
    yield "array: a bare pickle", called


DOORS = {
    "checkpoint": checkpoints,
    "network": checkpoints,
    "import": archives,
    "unpack": tars,
    "upload": images,
    "folder": images,
    "predictions": arrays,
}


def write_all(folder: Path) -> list[Hostile]:
    """Every file by every door it could come in by."""
    made = {make: list(_write(make, folder)) for make in dict.fromkeys(DOORS.values())}
    return [Hostile(name, door, path) for door, make in DOORS.items() for name, path in made[make]]


def _write(make: Callable[[Path], Iterator[tuple[str, bytes]]], folder: Path) -> Iterator[tuple[str, Path]]:
    for number, (name, content) in enumerate(make(folder)):
        path = folder / f"{make.__name__}-{number}.png"
        path.write_bytes(content)
        yield name, path
