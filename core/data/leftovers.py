"""Which files beside images are no images by their names, and how what is left out of a folder is counted and told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from core.data.decoding import FORMATS

# By Pillow's names of the formats, and by people's for those that it cannot read here.
_ENDINGS = {
    "PNG": ".png .apng",
    "JPEG": ".jpg .jpeg .jpe .jfif .jif",
    "WEBP": ".webp",
    "BMP": ".bmp .dib",
    "GIF": ".gif",
    "TIFF": ".tif .tiff",
    "PPM": ".ppm .pgm .pbm .pnm",
    "AVIF": ".avif",
    "HEIC": ".heic .heif .hif",
    "JPEG 2000": ".jp2 .j2k .jpx .jpf",
    "JPEG XL": ".jxl",
    "camera raw": ".cr2 .cr3 .nef .arw .dng .orf .rw2 .raf",
    "DICOM": ".dcm",
    "SVG": ".svg",
    "Photoshop": ".psd",
    "TGA": ".tga",
    "OpenEXR": ".exr",
}
SUFFIXES = frozenset(suffix for name in FORMATS for suffix in _ENDINGS[name].split())
_UNREADABLE = {suffix: name for name, endings in _ENDINGS.items() if name not in FORMATS for suffix in endings.split()}
# What Windows, macOS, file managers, NAS devices (Synology, QNAP, NetApp) and Python leave in folders, in lower case.
# Names that begin with a full stop are passed over anyway: .DS_Store, ._photo.jpg, .ipynb_checkpoints, .Trash-1000,
# .nfs0001, .snapshot.
_LEFT_BY_SYSTEMS = frozenset(
    [
        *["thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "picasa.ini", "icon\r", "__macosx"],
        *["$recycle.bin", "recycler", "system volume information", "found.000", "lost+found", "__pycache__"],
        *["@eadir", "@tmp", "@recycle", "@recently-snapshot", "#recycle", "#snapshot", "~snapshot"],
        *["network trash folder", "temporary items", "thevolumesettingsfolder"],
    ]
)
# Backup copies, iCloud's place holders, and what Windows attaches to files from the internet.
_LEFT_ENDINGS = ("~", ".icloud", ":zone.identifier", ":com.apple.quarantine")
_LEFT_BEGINNINGS = (".", "~$")
_LONGEST_SUFFIX = 8

SYSTEM = "left by systems and tools"
EMPTY = "empty image files"
LINK_NOWHERE = "links that lead nowhere"
LINK_AGAIN = "linked folders that lead back, or were read already"
NO_FILE = "image names that are no regular files"
CLASS_NUMBERS = "class_numbers.json"  # read, and so not left out: as `core.data.class_numbers`
OUTSIDE = "images outside the class folders"
NO_IMAGES = "folders of labels and the like, without images"


class LeftOut(NamedTuple):
    """What was not used for one reason: how often, and one of them as a path below the folder."""

    reason: str
    number: int
    example: str


class Tally:
    """Counts what is left out, by reason."""

    def __init__(self) -> None:
        self.counts = Counter[str]()
        self._examples: dict[str, str] = {}

    def add(self, reason: str, example: str, count: int = 1) -> None:
        self.counts[reason] += count
        self._examples.setdefault(reason, example)

    def listed(self) -> tuple[LeftOut, ...]:
        """The most frequent first, what systems leave last."""
        order = sorted(self.counts.items(), key=lambda item: (item[0] == SYSTEM, -item[1], item[0]))
        return tuple(LeftOut(reason, count, self._examples[reason]) for reason, count in order)

    def since(self, before: Counter[str]) -> Iterator[str]:
        """What was added since `before`, a copy of `counts`: `empty image files (12)`."""
        yield from (f"{reason} ({number:,})" for reason, number in (self.counts - before).items())


def is_leftover(name: str) -> bool:
    """Whether a file or folder is of those that systems and tools leave beside people's files."""
    lower = name.lower()
    return (
        name.startswith(_LEFT_BEGINNINGS)
        or lower in _LEFT_BY_SYSTEMS
        or lower.endswith(_LEFT_ENDINGS)
        or (len(name) > 2 and name.startswith("#") and name.endswith("#"))  # Emacs, while a file is edited
    )


def suffix_of(name: str) -> str:
    """`.jpg` of `cat.JPG`; empty without one."""
    place = name.rfind(".")
    return name[place:].lower() if place > 0 else ""


def explain_suffix(suffix: str) -> str:
    """Why a file with this suffix, which is none of `SUFFIXES`, is left out."""
    if suffix in _UNREADABLE:
        return f"{_UNREADABLE[suffix]} images, which cannot be decoded here"
    known = 1 < len(suffix) <= _LONGEST_SUFFIX and suffix[1:].isalnum()
    return f"{suffix} files" if known else "other files"
