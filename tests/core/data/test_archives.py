"""A zip from elsewhere is looked through before anything of it is unpacked."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from core.data.archives import check_archive, open_archive
from core.imports.values import ImportFilesError


def pack(*names: str, content: bytes = b"x") -> io.BytesIO:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, b"" if name.endswith("/") else content)
    buffer.seek(0)
    return buffer


def look(file: io.BytesIO, folder: Path, most: int = 10) -> list[str]:
    with open_archive(file, ImportFilesError) as archive:
        size = file.getbuffer().nbytes
        return list(check_archive(archive, size, folder, ImportFilesError, max_members=most))


def test_files_are_listed_without_their_folders(tmp_path: Path) -> None:
    assert look(pack("logs/", "logs/a.csv", "b.csv"), tmp_path) == ["logs/a.csv", "b.csv"]


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (("../a.csv",), "a.csv"),
        (("/a.csv",), "a.csv"),
        (("a.csv", "A.CSV"), "a.csv and A.CSV, which differ only in case"),
        (tuple(f"{number}.csv" for number in range(11)), "holds 11 files; at most 10"),
    ],
)
def test_what_cannot_be_unpacked_safely_is_refused(tmp_path: Path, names: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(ImportFilesError, match=sentence):
        look(pack(*names), tmp_path)


def test_what_is_no_archive_is_told(tmp_path: Path) -> None:
    with pytest.raises(ImportFilesError, match="no zip archive, or only part of one"):
        look(io.BytesIO(pack("a.csv").getvalue()[:-5]), tmp_path)
