"""Images below the folders that were named for it are read, and none elsewhere, through links neither."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from core.data.folder import ROOTS, inspect_folder, list_images
from core.data.store import DataError
from tests.folders import make_folder
from tests.security.planted import CANARY, Planted

Record = Callable[[str], None]


@pytest.fixture
def confined(planted: Planted, lab_folders: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root below which alone images are read, as behind a sign-in."""
    root = lab_folders / "data" / "images"
    root.mkdir()
    monkeypatch.setenv(ROOTS, str(root))
    return root


def leading_outside(root: Path, planted: Planted) -> Iterator[str]:
    """Image folders that would read the pictures outside."""
    pictures = planted.folder / "pictures"
    yield str(pictures)
    yield f"{root}/../../outside/pictures"
    yield f"{root}/good/../../../outside/pictures"
    yield f"/proc/self/root{pictures}"
    make_folder(root.parent / "images-beside", {"a": 1, "b": 1})
    yield f"{root}-beside"
    (root / "link").symlink_to(pictures)
    yield str(root / "link")
    (root / "classes").mkdir()
    for name in ("a", "b"):
        (root / "classes" / name).symlink_to(pictures / f"{CANARY}-{name}")
    yield str(root / "classes")
    make_folder(root / "files", {"a": 1, "b": 1})
    (root / "files" / "b" / "x.png").symlink_to(next((pictures / f"{CANARY}-b").iterdir()))
    yield str(root / "files")
    make_folder(root / "half", {"test/a": 1, "test/b": 1})
    (root / "half" / "train").symlink_to(pictures)
    yield str(root / "half")
    (root / "nowhere").symlink_to("/nowhere/at/all")
    yield str(root / "nowhere")
    yield "~"
    yield "/"


@pytest.mark.promise(
    18,
    "Behind a sign-in, images are read below the folders that were named for it alone, through links too.",
    how="image folders elsewhere, and links to them as the folder, its parts, classes and files",
    control="the same folders without the setting, of which most are read",
)
def test_images_are_read_below_their_roots_alone(
    planted: Planted, confined: Path, monkeypatch: pytest.MonkeyPatch, record_figure: Record
) -> None:
    make_folder(confined / "good", {"a": 2, "b": 2})
    (confined / "alias").symlink_to(confined / "good")
    for name in ("good", "alias"):
        assert inspect_folder(str(confined / name)).classes == ("a", "b")
    folders = list(leading_outside(confined, planted))
    for folder in folders:
        for read in (inspect_folder, list_images):
            with pytest.raises(DataError, match=r"is not below|no folder") as caught:
                read(folder)
            assert CANARY not in str(caught.value).replace(str(planted.folder), "")
    assert planted.touched() == []
    monkeypatch.delenv(ROOTS)
    read_now = 0
    for folder in folders:
        with suppress(DataError):
            inspect_folder(folder)
            read_now += 1
    assert read_now >= 7
    record_figure(f"{len(folders)} folders refused, {read_now} of them read without the setting")
