"""A state travels as the bytes of its checkpoint, and no other bytes are ever taken for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.cluster.events import BLOB, BlobError, load_blob, pack_blob, save_blob


def test_bytes_come_to_the_disk_and_back_as_they_are(tmp_path: Path) -> None:
    sha256 = save_blob(pack_blob(b"state", {"step": 3}), tmp_path / "state.pt")
    assert (tmp_path / "state.pt").read_bytes() == b"state"
    assert load_blob(tmp_path / "state.pt", sha256) == {BLOB: b"state"}


def test_other_bytes_and_none_are_refused_by_the_name_of_the_file(tmp_path: Path) -> None:
    sha256 = save_blob(pack_blob(b"state", {}), tmp_path / "state.pt")
    (tmp_path / "state.pt").write_bytes(b"stale")
    with pytest.raises(BlobError, match=r"state\.pt is damaged"):
        load_blob(tmp_path / "state.pt", sha256)
    with pytest.raises(BlobError, match=r"other\.pt could not be read: no such file"):
        load_blob(tmp_path / "other.pt", sha256)
