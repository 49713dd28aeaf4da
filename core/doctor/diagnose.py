"""All rules over a run: what they found, and which of them could not look yet or at all."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from core.compare.lines import Mark
from core.compare.snapshot import ComparedRun
from core.doctor.observed import Observed, observe
from core.doctor.rule import Found, Rule
from core.doctor.rules import RULES
from core.text.words import count_of

# The rules that nothing can be seen by where no images are held out.
_BY_VALIDATION = frozenset(
    {"plateau", "ends_early", "overfitting", "underfitting", "wrong_labels", "unbalanced"}
    | {"few_validation_images", "leaking_test"}
)


@dataclass(frozen=True)
class Finding:
    """What a rule found in a run."""

    rule: Rule
    found: Found


@dataclass(frozen=True)
class Unseen:
    """A rule that could not look, and why."""

    rule: Rule
    why: str


@dataclass(frozen=True)
class Diagnosis:
    """Every rule is in one of the three, in the order of the table."""

    findings: tuple[Finding, ...]
    sound: tuple[Rule, ...]
    unseen: tuple[Unseen, ...]


def diagnose(observed: Observed, rules: tuple[Rule, ...] = RULES) -> Diagnosis:
    findings, sound, unseen = [], [], []
    for rule in rules:
        if why := _tell_lack(rule, observed):
            unseen.append(Unseen(rule, why))
        elif found := rule.look(observed):
            findings.append(Finding(rule, found))
        else:
            sound.append(rule)
    return Diagnosis(tuple(findings), tuple(sound), tuple(unseen))


def _tell_lack(rule: Rule, observed: Observed) -> str:
    if rule.name in _BY_VALIDATION and not observed.has_validation:
        return "needs validation images, and none were held out"
    return rule.lacks(observed)


@lru_cache(maxsize=64)  # each holds on to its run
def diagnose_run(run: ComparedRun) -> Diagnosis:
    """Of a run as it was at one look: the same diagnosis until an epoch more has ended.

    Raises DamagedRunError, NoSpecError, RunNotFoundError.
    """
    return diagnose(observe(run))


def list_marks(diagnosis: Diagnosis) -> tuple[Mark, ...]:
    """What the findings point at on the curves, each with the rule's words."""
    return tuple(
        Mark(mark.column, mark.epoch, finding.rule.title)
        for finding in diagnosis.findings
        for mark in finding.found.marks
    )


def sum_up(diagnosis: Diagnosis) -> str:
    """How many rules looked, and how many found something."""
    found, sound, unseen = map(len, (diagnosis.findings, diagnosis.sound, diagnosis.unseen))
    looked = f"{found + sound} of {found + sound + unseen} rules could look"
    return f"{count_of(found, 'finding')}; {looked}." if found else f"Nothing found; {looked}."
