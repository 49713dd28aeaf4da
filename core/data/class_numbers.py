"""The number that a set itself gives each class: what is meant where predictions are handed in by index.

An image folder sorts its classes by name. Arrays and batches that were brought have numbers of their own, which may
have gaps and another order: those are kept beside the images, and with a run once it is trained.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from core.data.leftovers import CLASS_NUMBERS
from core.data.store import DataError
from core.system.files import DamagedFileError, find_json, write_json
from core.system.names import canonical
from core.text.words import list_first

_NUMBER = re.compile(r"-?[0-9]{1,18}")
_SHOWN = 3


def number_by_name(classes: Sequence[str]) -> tuple[int, ...]:
    """The numbers that the names are, if all are whole numbers; else the classes' places in their order, from 0."""
    named = tuple(int(name) for name in classes if _NUMBER.fullmatch(name))
    return named if len(set(named)) == len(classes) else tuple(range(len(classes)))


def keep_numbers(folder: Path, numbers: Mapping[str, int]) -> None:
    """Writes the numbers of classes, by name, beside the images; not where the names tell them. Raises OSError."""
    classes = sorted(numbers)
    if number_by_name(classes) != tuple(numbers[name] for name in classes):
        write_json(folder / CLASS_NUMBERS, dict(numbers))


def read_numbers(folder: Path, classes: Sequence[str]) -> tuple[int, ...]:
    """The number of each class of an image folder. Raises `DataError` for a file of numbers that does not fit."""
    path = folder / CLASS_NUMBERS
    try:
        kept = find_json(path)
    except DamagedFileError as error:
        raise DataError(f"{error}: mend or remove the file.") from error
    if kept is None:
        return number_by_name(classes)
    numbers = {canonical(name): number for name, number in kept.items()}
    found = [numbers.get(canonical(name)) for name in classes]
    if not all(type(number) is int and abs(number) < 2**63 for number in found):
        raise DataError(f"{path} gives no whole number for each class folder: mend or remove the file.")
    if len(set(found)) < len(found):
        raise DataError(f"{path} gives two class folders one number: mend or remove the file.")
    return tuple(number for number in found if number is not None)


def tell_numbers(classes: Sequence[str], numbers: Sequence[int]) -> str:
    """Which class has which number: `0 cat, 2 dog, 5 bird`."""
    pairs = sorted(zip(numbers, classes, strict=True))
    return list_first([f"{number} {name}" for number, name in pairs], _SHOWN)
