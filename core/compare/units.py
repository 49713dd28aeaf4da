"""Runs that are compared as one, seeds folded into groups, and which of them do not compare."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from core.charts.palette import SYMBOLS, Ink, tell_runs_apart
from core.compare.snapshot import ComparedRun
from core.data.catalogue import name_data
from core.spec.choices import WITH_TEST_IMAGES
from core.spec.fields import field_at, show_value
from core.text.words import join_words, list_first

DATASET = "data.dataset"


@dataclass(frozen=True)
class Unit:
    """What is compared as one: a single run, or runs that differ only in their seed.

    `ink` and `symbol` tell it apart from the others that it is compared with.
    """

    runs: tuple[ComparedRun, ...]
    name: str
    ink: Ink
    symbol: str = SYMBOLS[0]

    @property
    def id(self) -> str:
        return _find_head(self.runs).id

    @property
    def first(self) -> ComparedRun:
        return self.runs[0]

    @property
    def is_group(self) -> bool:
        return len(self.runs) > 1

    @property
    def is_ensemble(self) -> bool:
        """Whether it is no run of its own, but what several others come to together."""
        return bool(self.first.members)

    @property
    def seeds(self) -> tuple[ComparedRun, ...]:
        """One run of every seed, the one that came furthest: a repeated seed adds nothing."""
        if not self.is_group:
            return self.runs
        furthest: dict[int, ComparedRun] = {}
        for run in self.runs:
            known = furthest.get(run.seed)
            if known is None or (bool(run.results), len(run.rows)) > (bool(known.results), len(known.rows)):
                furthest[run.seed] = run
        return tuple(furthest.values())


def make_units(runs: Sequence[ComparedRun], *, fold: bool, keeps: str = "") -> list[Unit]:
    """One unit a run or, folded, one for all that differ only in their seed; names and colours are made to differ.

    `keeps` is the id of a run whose colour is its own whatever the others have.
    """
    groups = _group_seeds(runs) if fold else [[run] for run in runs]
    names = [name_seeds([run.name for run in group]) for group in groups]
    heads = [_find_head(group) for group in groups]
    looks = tell_runs_apart(heads, keeps)
    return [
        Unit(tuple(group), f"{name} ({group[0].id[-6:]})" if names.count(name) > 1 else name, *look)
        for group, name, look in zip(groups, names, looks, strict=True)
    ]


def _find_head(runs: Sequence[ComparedRun]) -> ComparedRun:
    """The run whose colour and row a unit has: the one with the smallest seed."""
    return min(runs, key=lambda run: (run.seed, run.id)) if len(runs) > 1 else runs[0]


def _group_seeds(runs: Sequence[ComparedRun]) -> list[list[ComparedRun]]:
    """Runs of equal specs but for the seed, on the same images as far as known."""
    groups: list[list[ComparedRun]] = []
    alike: dict[Any, list[list[ComparedRun]]] = {}
    for run in runs:
        candidates = alike.setdefault(run.recipe, [])
        group = next((group for group in candidates if same_test_images(run, group[0])), None)
        if group is None:
            group = []
            groups.append(group)
            candidates.append(group)
        group.append(run)
    return groups


def name_seeds(names: Sequence[str]) -> str:
    """What runs that differ in their seed are called together: `wide` of `wide seed 0` and `wide seed 1`."""
    if len(names) == 1:
        return names[0]
    stem, *others = {re.sub(r"[\s,;:_·–-]*\bseed\W*\d+\s*$", "", name, flags=re.IGNORECASE).strip() for name in names}
    return stem if stem and not others else list_first(names, 1)


def put_first(run_ids: Sequence[str], chosen: Iterable[str]) -> list[str]:
    """The ids with the chosen ones in front: the first is the baseline."""
    front = [run_id for run_id in run_ids if run_id in set(chosen)]
    return front + [run_id for run_id in run_ids if run_id not in set(front)]


def find_mismatches(units: Sequence[Unit]) -> list[str]:
    """Sentences on what was trained or measured on other images than the baseline; empty if all compare."""
    found: dict[str, list[str]] = {}
    foreign: dict[str, ComparedRun] = {}  # one sentence for all of them: a tool tells the images of none of its runs
    for unit in units[1:]:
        runs = unit.first, units[0].first
        if explain_foreign(*runs) and runs[0].recipe != runs[1].recipe:
            foreign |= {each.name: each.first for each in (units[0], unit) if each.first.tool}
        elif sentence := _find_mismatch(*runs):
            found.setdefault(sentence, []).append(unit.name)
    if foreign:
        why = f"{explain_foreign(*foreign.values())}, so differences may be those of the images."
        found = {why: list(foreign), **found}
    return [f"{list_first(names, 3)}: {sentence}" for sentence, names in found.items()]


def tell_data(run: ComparedRun) -> str:
    """The data set of a run as people read it."""
    if not run.tool:
        return name_data(run.spec.data)
    return show_value(field_at(DATASET), run.fields[DATASET]) if DATASET in run.fields else "one that is not told"


def explain_foreign(*runs: ComparedRun) -> str:
    """Why nobody knows on which images these were measured; empty if all are of this lab."""
    tools = dict.fromkeys(run.tool for run in runs if run.tool)
    if not tools:
        return ""
    which = "which does not tell" if len(tools) == 1 else "none of which tells"
    return f"imported from {join_words(list(tools), 'and')}, {which} the images of its figures"


def _find_mismatch(run: ComparedRun, baseline: ComparedRun) -> str:
    if not same_data(run, baseline):
        names = " instead of ".join(map(tell_data, (run, baseline)))
        return f"another data set than the baseline's ({names}), so accuracies and losses do not compare."
    if not same_test_images(run, baseline):
        return "other test and validation images than the baseline's, so differences are partly those of the images."
    if not same_validation_images(run, baseline):
        return "other validation images than the baseline's; test figures compare, validation figures only roughly."
    return ""


def same_data(a: ComparedRun, b: ComparedRun) -> bool:
    """Whether both are of the same data set, or folder of images; of another tool's run as far as its name tells."""
    if a.tool or b.tool:
        known = [run.fields.get(DATASET) for run in (a, b)]
        return a.recipe == b.recipe or (known[0] == known[1] and known[0] not in (None, "folder"))
    return (a.spec.data.dataset, _folder(a)) == (b.spec.data.dataset, _folder(b))


def _folder(run: ComparedRun) -> str:
    return run.spec.data.folder.rstrip("/") if run.spec.data.dataset == "folder" else ""


def same_test_images(a: ComparedRun, b: ComparedRun) -> bool:
    """Whether both were tested on the same images, as far as their specs and fingerprints tell.

    Some data sets have test images of their own; elsewhere the split decides. A share for validation or a cap does not
    move them, unless the cap holds for them too.
    """
    if a.tool or b.tool:
        return a.recipe == b.recipe
    if not same_data(a, b):
        return False
    prints = [run.environment.get("data_fingerprint") for run in (a, b)]
    if a.spec.data == b.spec.data:
        # The same choices and other images: the folder's files have changed in between.
        return None in prints or prints[0] == prints[1]
    if a.spec.data.dataset in WITH_TEST_IMAGES:
        return _cap(a) == _cap(b)
    return _split(a) == _split(b)


def _split(run: ComparedRun) -> tuple[object, ...]:
    data = run.spec.data
    return data.split_seed, data.test_fraction, data.folder_parts, _cap(run)


def _cap(run: ComparedRun) -> tuple[object, ...]:
    """What decides which of the held-out images are looked at, where the cap holds for them too."""
    data = run.spec.data
    return (data.max_train_images, data.split_seed, data.val_fraction) if data.is_test_capped else ()


def same_validation_images(a: ComparedRun, b: ComparedRun) -> bool:
    """Whether both were validated on the same images as well."""
    if a.tool or b.tool:
        return same_test_images(a, b)
    return same_test_images(a, b) and (_split(a), a.spec.data.val_fraction) == (_split(b), b.spec.data.val_fraction)
