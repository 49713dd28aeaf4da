"""Which folders are parts (training, validation, test) and which are classes, by the spellings that people use.

Where names do not tell, nothing is guessed: `FolderQuestion` asks, with the answers as `data.folder_parts` takes them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import NamedTuple

from core.data.store import DataError
from core.spec.folder_parts import CLASSES, Pairs, write_parts
from core.system.names import canonical, readable
from core.text.words import join_words, list_first

_ROLE_WORDS = {
    **dict.fromkeys(["train", "training", "trn", "trainval"], "train"),
    **dict.fromkeys(["val", "valid", "validation", "validate", "validating", "vali", "dev", "development"], "val"),
    **dict.fromkeys(["test", "testing", "tests", "tst"], "test"),
    # Of either: whichever of the two is not there.
    **dict.fromkeys(["eval", "evaluation", "evaluate", "holdout", "heldout"], "held"),
}
# Words that say nothing beside another: train_images, TestSet.
_SAYING_NOTHING = (
    "set sets data dataset datasets image images img imgs photo photos picture pictures pic pics split splits sample "
    "samples folder folders dir file files"
)
# Names of what people keep beside the images of a set, or instead of a class's name.
_NO_CLASSES = (
    "label labels annotation annotations ann anns mask masks bbox bboxes box boxes gt truth ground xml xmls json jsons "
    "csv csvs txt txts meta metadata doc docs code src script scripts notebook notebooks list lists log logs raw all "
    "unknown unlabeled unlabelled segmentation segmentations"
)
_FILLERS, _BESIDE = frozenset(_SAYING_NOTHING.split()), frozenset(_NO_CLASSES.split())
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_]+|\d+")
_LISTED = 4
_HELD_TITLES = {"val": "the validation images", "test": "the test images"}


class Choice(NamedTuple):
    """One answer: what it means, and the value of `data.folder_parts` for it."""

    label: str
    parts: str


class FolderQuestion(DataError):
    """Which folders are parts and which are classes cannot be told from their names; somebody has to say."""

    def __init__(self, question: str, choices: tuple[Choice, ...]) -> None:
        super().__init__(question, choices)
        self.question, self.choices = question, choices

    def __str__(self) -> str:
        answers = "; ".join(f"{choice.parts} ({choice.label})" for choice in self.choices)
        return readable(f"{self.question} Set data.folder_parts to one of: {answers}.")


class Reading(NamedTuple):
    """A folder's name: the part that it names ("" for none, "held" for validation or test), and its other words."""

    role: str
    rest: tuple[str, ...]


def read_name(name: str) -> Reading:
    """`seg_train` is ("train", ("seg",)), `TestSet` ("test", ()), `cat` ("", ("cat",))."""
    words = [part for word in _WORDS.findall(canonical(name)) for part in _split(word.casefold())]
    roles = {_ROLE_WORDS[word] for word in words if word in _ROLE_WORDS}
    rest = tuple(word for word in words if word not in _ROLE_WORDS and word not in _FILLERS)
    if roles == {"train", "val"}:  # both in one, to be split
        return Reading("train", rest)
    return Reading(roles.pop(), rest) if len(roles) == 1 else Reading("", rest)


def _split(word: str) -> tuple[str, ...]:
    """`trainset` as `train`, `set`."""
    for filler in _FILLERS:
        for head, tail in ((word.removesuffix(filler), filler), (filler, word.removeprefix(filler))):
            if head + tail == word and {head, tail} & _ROLE_WORDS.keys():
                return head, tail
    return (word,)


def is_part_name(name: str) -> bool:
    """Whether a folder is called like a part, and like nothing else."""
    role, rest = read_name(name)
    return bool(role) and not rest


def is_beside(name: str) -> bool:
    """Whether a folder is called as people call what is no class: labels, masks, images, all."""
    words = [word.casefold() for word in _WORDS.findall(name)]
    return bool(words) and all(word in _BESIDE or word in _FILLERS for word in words)


def is_plain(name: str) -> bool:
    """Whether a folder inside a test part names no class: `test/unknown`, `test/images`, `seg_test/seg_test`."""
    return is_beside(name) or bool(read_name(name).role)


@dataclass(frozen=True)
class Roles:
    """The folders of the parts; without `train`, the classes are all folders that are neither part nor skipped."""

    train: str = ""
    val: str = ""
    test: str = ""
    skip: frozenset[str] = frozenset()

    @classmethod
    def of(cls, pairs: Pairs) -> Roles:
        named = {role: name for role, name in pairs if role != "skip"}
        skip = frozenset(name for role, name in pairs if role == "skip")
        return cls(named.get("train", ""), named.get("val", ""), named.get("test", ""), skip)

    @property
    def named(self) -> frozenset[str]:
        return self.skip | {name for name in (self.train, self.val, self.test) if name}

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Without what is skipped."""
        yield from ((role, name) for role in ("train", "val", "test") if (name := getattr(self, role)))


def find_roles(folder: str, names: Sequence[str]) -> Roles | None:
    """The parts among the folders of `folder`; None if they are classes. Raises `FolderQuestion`, `DataError`."""
    groups = _group(names)
    with_train = {rest: group for rest, group in groups.items() if "train" in group}
    if not with_train:
        held = [name for name in names if read_name(name).role]
        if held and len(held) == len(names) and not any(read_name(name).rest for name in names):
            raise DataError(f"{folder} holds {_name(held)}, and no folder of training images, such as train/.")
        return None
    answers = [roles for group in with_train.values() for roles in _settle(group)]
    if len(answers) == 1:
        return answers[0]
    choices = [Choice(describe(roles), write_parts(roles.pairs())) for roles in answers]
    raise FolderQuestion(f"{folder} holds {_name(names)}: which are the parts?", tuple(choices))


def _group(names: Iterable[str]) -> dict[tuple[str, ...], dict[str, list[str]]]:
    """Folders that name parts, by what else is in their names: seg_train and seg_test belong together."""
    groups: dict[tuple[str, ...], dict[str, list[str]]] = {}
    for name in names:
        role, rest = read_name(name)
        if role:
            groups.setdefault(rest, {}).setdefault(role, []).append(name)
    # `train_station` alone is a class, `train` alone is not.
    return {rest: group for rest, group in groups.items() if len(group) > 1 or not rest}


def _settle(group: Mapping[str, list[str]]) -> Iterator[Roles]:
    """All ways to read a group of parts; one where names tell."""
    held = group.get("held", [])
    for train in group["train"]:
        for val in group.get("val", [""]):
            for test in group.get("test", [""]):
                missing = [role for role, name in (("val", val), ("test", test)) if not name]
                if not held or not missing:
                    yield Roles(train, val, test)
                for name in held:
                    yield from (
                        Roles(train, val or name, test) if role == "val" else Roles(train, val, test or name)
                        for role in missing
                    )


def describe(roles: Roles) -> str:
    """`train on a/, validate on b/, test on c/`."""
    verbs = {"train": "train", "val": "validate", "test": "test"}
    return ", ".join(f"{verbs[role]} on {name}/" for role, name in roles.pairs())


def ask_beside(folder: str, roles: Roles, name: str) -> FolderQuestion:
    """A folder beside the parts has their classes, and may be the part that is missing."""
    known = tuple(roles.pairs())
    missing = [role for role in ("val", "test") if not getattr(roles, role)]
    choices = [Choice(f"{name}/ holds {_HELD_TITLES[role]}", write_parts([*known, (role, name)])) for role in missing]
    choices.append(Choice(f"{name}/ is not used", write_parts([*known, ("skip", name)])))
    return FolderQuestion(f"{folder} holds {name}/ beside {roles.train}/, with the same classes.", tuple(choices))


def ask_about_classes(folder: str, inner: Mapping[str, Collection[str]]) -> FolderQuestion | None:
    """The question whether folders are classes at all; None where they look like it.

    `inner` has the folders inside each of them.
    """
    names = list(inner)
    # A class of trains is none that is called like a part, if its images lie in it directly.
    named = [name for name in names if is_part_name(name) and (read_name(name).role != "train" or inner[name])]
    alike = _are_alike(inner)
    mentioned = [name for name in names if read_name(name).role]
    if not (named or alike or 2 * len(mentioned) >= len(names) or all(map(is_beside, names))):
        return None
    choices = [Choice(f"every folder is a class: {list_first(names, _LISTED)}", CLASSES)]
    choices += _offer_parts([name for name in names if len(inner[name]) > 1]) if len(named) != 1 else ()
    if len(named) < len(names) - 1:
        choices += [choice for name in named for choice in _offer_aside(name, inner, names)]
    told = named if named and not alike else names
    looks = "which look like parts of a set, not like classes"
    looks = looks if len(told) > 1 else "which looks like a part of a set, not like a class"
    return FolderQuestion(f"{folder} holds {_name(told)}, {looks}.", tuple(choices))


def _are_alike(inner: Mapping[str, Collection[str]]) -> bool:
    """Whether all hold folders of the same names, as parts do: half of the most, or more, are everywhere."""
    sets = [set(names) for names in inner.values()]
    return len(sets) > 1 and 2 * len(set.intersection(*sets)) >= max(map(len, sets)) > 1


def _offer_parts(names: Sequence[str]) -> Iterator[Choice]:
    """One of a few folders with classes inside, or one to train on and another to test on."""
    if len(names) <= _LISTED:
        yield from (Choice(f"use {name}/ alone", write_parts([("train", name)])) for name in names)
    if len(names) == 2:
        for train, test in permutations(names):
            roles = Roles(train, test=test)
            yield Choice(describe(roles), write_parts(roles.pairs()))


def _offer_aside(name: str, inner: Mapping[str, Collection[str]], names: Sequence[str]) -> Iterator[Choice]:
    """A folder that is called like a part, beside classes."""
    role = read_name(name).role
    if set(inner[name]) & set(names):
        for held in ("val", "test") if role == "held" else (role,):
            yield Choice(f"{name}/ holds {_HELD_TITLES.get(held, 'the training images')}", write_parts([(held, name)]))
    yield Choice(f"{name}/ is not used", write_parts([("skip", name)]))


def _name(names: Sequence[str]) -> str:
    shown = [f"{name}/" for name in names]
    return join_words(shown) if len(shown) <= _LISTED else list_first(shown, _LISTED)


class ClassNames:
    """The classes, to be found by the names of folders."""

    def __init__(self, classes: Sequence[str] = ()) -> None:
        self.labels = {name: label for label, name in enumerate(classes)}
        self._alike: dict[str, list[str]] = {}
        for name in classes:
            self._alike.setdefault(_fold(name), []).append(name)

    def __len__(self) -> int:
        return len(self.labels)

    def find(self, name: str) -> int | None:
        """The label of this name; or of the one that differs only in case or Unicode form, if it is the only one."""
        if (exact := self.labels.get(canonical(name))) is not None:
            return exact
        alike = self._alike.get(_fold(name), [])
        return self.labels[alike[0]] if len(alike) == 1 else None


def _fold(name: str) -> str:
    return canonical(canonical(name).casefold())
