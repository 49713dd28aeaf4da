"""What is an image by its name, and what is passed over."""

from pathlib import Path

import pytest
from PIL import Image

from core.data.decoding import FORMATS, Look, decode_image
from core.data.leftovers import SUFFIXES, SYSTEM, LeftOut, Tally, explain_suffix, is_leftover, suffix_of


def test_every_ending_of_a_format_that_is_decoded_is_an_image() -> None:
    Image.init()
    # .avifs and .pfm hold sequences and floats.
    known = {ending for ending, name in Image.registered_extensions().items() if name in FORMATS} - {".avifs", ".pfm"}
    assert known <= SUFFIXES
    assert {".jfif", ".jpe"} <= SUFFIXES
    assert (".avif" in SUFFIXES) == ("AVIF" in FORMATS)


@pytest.mark.parametrize(
    ("suffix", "format"), [(".jfif", "JPEG"), (".jpe", "JPEG"), (".avif", "AVIF"), (".pbm", "PPM")]
)
def test_images_are_decoded_under_the_endings_that_are_listed(tmp_path: Path, suffix: str, format: str) -> None:
    if format not in FORMATS:
        pytest.skip(f"Pillow has no decoder for {format} here")
    Image.new("RGB" if suffix != ".pbm" else "1", (16, 16), "white").save(tmp_path / f"white{suffix}", format=format)
    assert decode_image(tmp_path / f"white{suffix}", Look(8)).min() >= 250
    assert suffix in SUFFIXES


@pytest.mark.parametrize(
    "name",
    [
        *[".DS_Store", "._cat.jpg", "Thumbs.db", "ehthumbs.db", "Desktop.ini", "Icon\r", "__MACOSX", ".Trash-1000"],
        *["$RECYCLE.BIN", "System Volume Information", "lost+found", ".nfs000000000004", ".snapshot", "~snapshot"],
        *["@eaDir", "#recycle", "@Recycle", ".ipynb_checkpoints", "__pycache__", ".cat.jpg.icloud", "cat.jpg~"],
        *["~$cat.jpg", "#cat.jpg#", "cat.jpg:Zone.Identifier", ".git"],
    ],
)
def test_what_systems_and_tools_leave_is_passed_over(name: str) -> None:
    assert is_leftover(name)


@pytest.mark.parametrize("name", ["cat.jpg", "#1.png", "@home", "cat (1).jpg", "Thumbs", "lost", "~cat.jpg", "#"])
def test_what_people_name_is_not(name: str) -> None:
    assert not is_leftover(name)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("cat.HEIC", "HEIC images, which cannot be decoded here"),
        ("cat.jp2", "JPEG 2000 images, which cannot be decoded here"),
        ("cat.txt", ".txt files"),
        ("cat.XML", ".xml files"),
        ("LICENSE", "other files"),
        ("cat.jpg.9f8e7d6c5b4a", "other files"),
        ("cat.", "other files"),
    ],
)
def test_other_files_are_told_by_their_endings(name: str, reason: str) -> None:
    assert explain_suffix(suffix_of(name)) == reason


def test_the_most_frequent_reason_comes_first_and_what_systems_leave_last() -> None:
    tally = Tally()
    tally.add(SYSTEM, "Thumbs.db", 9)
    tally.add("b", "x/1")
    before = tally.counts.copy()
    tally.add("a", "x/2", 2)
    tally.add("a", "x/3")
    assert tally.listed() == (LeftOut("a", 3, "x/2"), LeftOut("b", 1, "x/1"), LeftOut(SYSTEM, 9, "Thumbs.db"))
    assert list(tally.since(before)) == ["a (3)"]
