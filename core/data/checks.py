"""What is suspect about the images of a folder: told before a training starts, where it is cheap to mend.

Damaged images, images that are nearly constant, images that are held out but have their equal among those that are
trained on or chosen by, images that stand under two classes, and classes without images in a part. What takes time is
kept beside the decoded images, so a second look is immediate.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Hashable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from core.data import alike
from core.data.cache import Decoded, Fault, cache_folder, cache_key, cached_images, find_decoded, leave_out, tell_faults
from core.data.decoding import Pixels
from core.data.folder import FolderListing, list_images
from core.data.notes import list_left_out
from core.data.source import find_images
from core.data.splits import split_others
from core.data.store import DataError
from core.spec import DataSpec
from core.system.child import Child
from core.system.errors import LabError
from core.system.files import find_note, write_json
from core.system.names import readable
from core.text.words import count_of, join_words, list_first

# So few are decoded without being asked for: seconds of work, which the first start saves.
UNASKED_IMAGES = 2000
# Standard deviation of an image's bytes in each channel. That of a white sheet in a photograph is several times larger.
CONSTANT_DEVIATION = 2.0
PART_WORDS = {"train": "training", "val": "validation", "test": "test"}
# What is trained on, or chosen by, before a part is looked at.
_EARLIER_PARTS = {"val": ("train",), "test": ("train", "val")}
_VERSION = 1  # of what is kept
_KEPT, _KEPT_NEAR = "checks.json", "nearly-equal.json"
_CHUNK_BYTES = 10_000_000
_NAMED = 5
_MOST_ANSWERS = 32


class Repeat(NamedTuple):
    """An image whose pixels are those of another one, or nearly so, and whether that one is of another class."""

    path: str
    equal_path: str
    is_other_class: bool
    is_near: bool = False


class Remark(NamedTuple):
    """What is suspect, as a sentence; the images that it does not name already; whether it refuses the start."""

    sentence: str
    images: Sequence[str] = ()
    refuses: bool = False


@dataclass(frozen=True)
class Report:
    """What was found in a folder; `is_decoded` says whether its images were looked at, or only their files.

    `counts`: images of each class by part. `repeats`: validation images that are in training, test images that are in
    either. `conflicts`: images of a part that stand there under another class too. `has_near` says whether nearly equal
    ones were searched for.
    """

    images: int
    classes: tuple[str, ...]
    counts: dict[str, tuple[int, ...]]
    is_decoded: bool = False
    faults: tuple[Fault, ...] = ()
    constant: tuple[str, ...] = ()
    repeats: dict[str, tuple[Repeat, ...]] = field(default_factory=dict)
    conflicts: dict[str, tuple[Repeat, ...]] = field(default_factory=dict)
    has_near: bool = False
    refusal: str = ""


def check_images(spec: DataSpec, *, decode: bool) -> Report:
    """Looks through the images of a folder. Raises `DataError`.

    They are decoded if need be with `decode`, or where they are few; else only if they are already. Nearly equal ones
    are searched for likewise.
    """
    listing = list_images(spec.folder, spec.folder_parts)
    lenient = spec.model_copy(update={"damaged": "leave_out"})
    decoded, may_take_long = find_decoded(listing, lenient), decode or len(listing.files) <= UNASKED_IMAGES
    if not decoded and may_take_long:
        decoded = cached_images(listing, lenient)
    if not decoded:
        return Report(len(listing.files), listing.classes, _count(listing, _divide(listing, spec)))
    try:
        kept = leave_out(listing, decoded.faults)
    except DataError as error:  # a class or a part without any image that can be decoded
        told, count = str(error), len(listing.files)
        return Report(count, listing.classes, {}, is_decoded=True, faults=decoded.faults, refusal=told)
    key, labels = cache_key(listing, spec), np.array([file.label for file in kept.files], np.int64)
    constant, groups = find_alike(decoded, key)
    near = find_nearly_alike(decoded, key, labels, search=may_take_long)
    parts = _divide(kept, spec)
    search = _Search(kept, parts, groups, near or [])
    return Report(
        images=len(listing.files),
        classes=listing.classes,
        counts=_count(kept, parts),
        is_decoded=True,
        faults=decoded.faults,
        constant=tuple(readable(kept.files[place].path) for place in constant),
        repeats=search.find_repeats(),
        conflicts=search.find_conflicts(),
        has_near=near is not None,
    )


def _divide(listing: FolderListing, spec: DataSpec) -> dict[str, npt.NDArray[np.int64]]:
    """The places in `listing.files` of each part's images, as a training divides them."""
    labels = np.array([file.label for file in listing.files], dtype=np.int64)
    own = {"num_val": len(listing.val or ()), "num_test": len(listing.test or ())}
    gone = find_images([file.path for file in listing.files], len(labels), list_left_out(spec.without))
    found = split_others(spec, labels, len(listing.classes), gone, **own)
    return {"train": found.train, "val": found.val, "test": found.test}


def _count(listing: FolderListing, parts: Mapping[str, npt.NDArray[np.int64]]) -> dict[str, tuple[int, ...]]:
    labels = np.array([file.label for file in listing.files], dtype=np.int64)
    return {
        name: tuple(np.bincount(labels[places], minlength=len(listing.classes)).tolist())
        for name, places in parts.items()
    }


def find_alike(decoded: Decoded, key: str) -> tuple[list[int], list[list[int]]]:
    """The places of images that are nearly constant, and of those whose pixels are equal, in groups; kept for later."""
    path = cache_folder(key) / _KEPT
    kept = find_note(path)
    if not kept or kept.get("of") != [_VERSION, decoded.digest]:
        kept = {
            "of": [_VERSION, decoded.digest],
            "constant": find_constant(decoded.pixels),
            "groups": find_equal(decoded.pixels),
        }
        with suppress(OSError):  # found again next time
            write_json(path, kept)
    return kept["constant"], kept["groups"]


def find_nearly_alike(
    decoded: Decoded, key: str, labels: npt.NDArray[np.int64], *, search: bool = True
) -> list[list[int]] | None:
    """The places of images that are nearly equal, in groups, but for those equal in every pixel; kept for later.

    `labels` (n,) are the classes. None where there are too many images, or none were kept and no `search` is wanted.
    """
    constant, equal = find_alike(decoded, key)
    path = cache_folder(key) / _KEPT_NEAR
    kept = find_note(path)
    if not kept or kept.get("of") != [alike.VERSION, decoded.digest]:
        if not search or len(decoded.pixels) > alike.MAX_IMAGES:
            return None
        groups = alike.without(alike.find_near(decoded.pixels, labels, constant), equal)
        kept = {"of": [alike.VERSION, decoded.digest], "groups": groups}
        with suppress(OSError):
            write_json(path, kept)
    found: list[list[int]] = kept["groups"]
    return found


def find_constant(pixels: Pixels) -> list[int]:
    """The places of images (n, s, s, 3) that hardly change from pixel to pixel, in any channel."""
    found: list[int] = []
    step = max(1, _CHUNK_BYTES // max(1, pixels[:1].nbytes))
    for start in range(0, len(pixels), step):
        chunk = pixels[start : start + step].reshape(-1, pixels.shape[1] * pixels.shape[2], 3)
        deviation = chunk.std(axis=1, dtype=np.float32).max(axis=1)  # (chunk,)
        found += (start + np.flatnonzero(deviation < CONSTANT_DEVIATION)).tolist()
    return found


def find_equal(pixels: Pixels) -> list[list[int]]:
    """Groups of the places of images (n, s, s, 3) that are equal in every byte."""
    groups: dict[bytes, list[int]] = {}
    for place, image in enumerate(pixels):
        groups.setdefault(hashlib.sha256(np.ascontiguousarray(image).data).digest(), []).append(place)
    return [places for places in groups.values() if len(places) > 1]


class _Search:
    """Looks for images that stand in two parts or under two classes, among groups of images that are alike."""

    def __init__(
        self,
        listing: FolderListing,
        parts: Mapping[str, npt.NDArray[np.int64]],
        equal: Sequence[Sequence[int]],
        near: Sequence[Sequence[int]],
    ) -> None:
        self.files, self.groups = listing.files, [*((each, False) for each in equal), *((each, True) for each in near)]
        self.members = {name: set(places.tolist()) for name, places in parts.items()}

    def find_repeats(self) -> dict[str, tuple[Repeat, ...]]:
        """Images of a part whose like is in an earlier one."""
        return self._find({name: [self.members[part] for part in parts] for name, parts in _EARLIER_PARTS.items()})

    def find_conflicts(self) -> dict[str, tuple[Repeat, ...]]:
        """Images of a part whose like is in it under another class."""
        return self._find({name: [self.members[name]] for name in self.members}, others_only=True)

    def _find(
        self, wanted: Mapping[str, Sequence[set[int]]], *, others_only: bool = False
    ) -> dict[str, tuple[Repeat, ...]]:
        found: dict[str, dict[str, Repeat]] = {}
        for name, known in wanted.items():
            for group, is_near in self.groups:
                before = [self.files[place] for place in group if any(place in part for part in known)]
                for file in (self.files[place] for place in group if place in self.members[name] and before):
                    other = next((each for each in before if each.label != file.label), None)
                    if other or not others_only:
                        like = other or before[0]
                        repeat = Repeat(readable(file.path), readable(like.path), other is not None, is_near)
                        found.setdefault(name, {}).setdefault(repeat.path, repeat)  # what is equal comes first
        return {name: tuple(repeats.values()) for name, repeats in found.items()}


# In words ----------------------------------------------------------------------------------------------------------


def list_remarks(report: Report, spec: DataSpec) -> list[Remark]:
    """All that is suspect, what refuses the start first."""
    return [
        *_remark_faults(report, spec),
        *_remark_classes(report, spec),
        *_remark_constant(report),
        *(remark for name in report.repeats for remark in _remark_repeats(report, name)),
        *(remark for name in report.conflicts for remark in _remark_conflicts(report, name)),
    ]


def _remark_faults(report: Report, spec: DataSpec) -> Iterator[Remark]:
    named = list(map(str, report.faults))
    if named and spec.damaged == "refuse":
        yield Remark(tell_faults(report.faults, report.images), named if len(named) > 1 else (), refuses=True)
    elif report.refusal:
        yield Remark(report.refusal, named, refuses=True)
    elif named:
        yield Remark(f"{count_of(len(named), 'damaged image')} will be left out.", named)


def _remark_classes(report: Report, spec: DataSpec) -> Iterator[Remark]:
    for name, counts in report.counts.items():
        if name == "val" and not spec.val_fraction and not sum(counts):
            continue  # none are held out on purpose
        missing = [label for label, count in zip(report.classes, counts, strict=True) if not count]
        if missing:
            sentence = f"No {PART_WORDS[name]} images of {list_first(missing, _NAMED)}."
            yield Remark(sentence, missing if len(missing) > _NAMED else ())


def _remark_constant(report: Report) -> Iterator[Remark]:
    if found := report.constant:
        count = count_of(len(found), "image")
        yield Remark(f"{count} nearly constant: hardly any pixel differs from the others.", found)


def _remark_repeats(report: Report, name: str) -> Iterator[Remark]:
    where = join_words([PART_WORDS[part] for part in _EARLIER_PARTS[name]], "or")
    for how, repeats in _by_likeness(report.repeats[name]):
        other = sum(repeat.is_other_class for repeat in repeats)
        classes = f", {other:,} of them under another class" if other else ""
        count, total = f"{len(repeats):,}", f"{sum(report.counts[name]):,}"
        yield Remark(
            f"{count} of {total} {PART_WORDS[name]} images {'is' if len(repeats) == 1 else 'are'} in {where} too, "
            f"{how}{classes}.",
            [f"{one.path} = {one.equal_path}{' (another class)' * one.is_other_class}" for one in repeats],
        )


def _remark_conflicts(report: Report, name: str) -> Iterator[Remark]:
    for how, repeats in _by_likeness(report.conflicts[name]):
        stand = "stands" if len(repeats) == 1 else "stand"
        yield Remark(
            f"{count_of(len(repeats), f'{PART_WORDS[name]} image')} {stand} under another class too, {how}.",
            [f"{one.path} = {one.equal_path}" for one in repeats],
        )


def _by_likeness(repeats: Sequence[Repeat]) -> Iterator[tuple[str, list[Repeat]]]:
    for is_near, how in ((False, "equal in every pixel"), (True, "nearly equal")):
        if some := [repeat for repeat in repeats if repeat.is_near == is_near]:
            yield how, some


def sum_up(report: Report) -> str:
    """What was looked at, and that nothing else was found; and what was not looked for."""
    sizes = [f"{sum(counts):,} {PART_WORDS[name]}" for name, counts in report.counts.items()]
    checked = f"{count_of(report.images, 'image')} checked{f': {join_words(sizes)}' if sizes else ''}."
    is_less = report.is_decoded and report.counts and not report.has_near
    return f"{checked} Nearly equal ones were not searched for." if is_less else checked


# From a page -------------------------------------------------------------------------------------------------------


class Checks:
    """The checks of this process, one at a time in a process of their own; pages poll it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue = ThreadPoolExecutor(1, thread_name_prefix="checks")
        self._asked: dict[tuple[DataSpec, Hashable, bool], tuple[Future[Report], float]] = {}

    def look(self, spec: DataSpec, state: Hashable, *, decode: bool = False) -> tuple[Future[Report], float]:
        """The report on a folder in a `state`, and since when it is awaited; asked for once."""
        key = (spec, state, decode)
        with self._lock:
            if key not in self._asked:
                for old in list(self._asked)[: 1 - _MOST_ANSWERS]:
                    self._asked.pop(old)[0].cancel()
                self._asked[key] = (self._queue.submit(_ask, spec, decode), time.monotonic())
            return self._asked[key]

    def has_asked(self, spec: DataSpec, state: Hashable) -> bool:
        """Whether decoding was asked for."""
        return (spec, state, True) in self._asked

    def forget(self, spec: DataSpec, state: Hashable) -> None:
        """The next look is a new one: files may have changed in place."""
        with self._lock:
            for decode in (False, True):
                self._asked.pop((spec, state, decode), None)


def _ask(spec: DataSpec, decode: bool) -> Report:
    with Child("checking process", nice=5) as child:  # a training goes first
        report: Report = child.ask(f"{__name__}:check_images", spec=spec, decode=decode)
        return report


def explain_failure(error: BaseException) -> str:
    return (
        str(error)
        if isinstance(error, LabError)
        else f"The images could not be checked: {str(error) or type(error).__name__}."
    )


CHECKS = Checks()
