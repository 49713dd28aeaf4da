"""How soon the doctor's rules name each illness, and how often they name one of a healthy training, over recordings.

python -m benchmarks.doctor          # writes docs/DOCTOR.md
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from benchmarks.recipes import SEEDS_OF_ILLNESS
from benchmarks.replay import Recording, read_recordings, replay
from core.doctor.diagnose import diagnose
from core.doctor.rule import END, Rule
from core.doctor.rules import RULES
from core.doctor.verdict import NEAR_GUESSING, PATIENCE_EPOCHS, give_up
from core.system.folders import PROJECT
from core.text.words import count_of, join_words

DOCUMENT = PROJECT / "docs" / "DOCTOR.md"
HELD = "held"  # the healthy trainings on which no threshold was set


@dataclass(frozen=True)
class Named:
    """After which epoch of a training a rule named it first; `at_end` if only its end told."""

    recording: Recording
    rule: str
    epoch: int
    at_end: bool


def name_all(recordings: Iterable[Recording]) -> list[Named]:
    """Every rule that names a training, at its first word: what a person who watches it would have been told."""
    return [named for recording in recordings for named in name_one(recording)]


def name_one(recording: Recording) -> list[Named]:
    first: dict[str, Named] = {}
    for observed in replay(recording.observed):
        for finding in diagnose(observed).findings:
            name = finding.rule.name
            first.setdefault(name, Named(recording, name, observed.epochs, observed.has_ended))
    return list(first.values())


def is_in_time(named: Named, rule: Rule) -> bool:
    return rule.within == END or (named.epoch <= rule.within and not named.at_end)


@dataclass(frozen=True)
class Score:
    """How a rule did on the trainings made ill, of those `held_` back too, and on healthy ones."""

    rule: Rule
    ill: int
    in_time: int
    epochs: tuple[int, ...]
    false_set: int
    false_held: int
    held_ill: int
    held_in_time: int


def score_rules(rules: Sequence[Rule] = RULES) -> list[Score]:
    ill, healthy = name_all(read_recordings("ill")), name_all(read_recordings("healthy"))
    return [_score(rule, ill, healthy) for rule in rules]


def _score(rule: Rule, ill: Sequence[Named], healthy: Sequence[Named]) -> Score:
    whole = [recording for recording in read_recordings("ill") if recording.illness == rule.name]
    named = [one for one in ill if one.rule == rule.name == one.recording.illness]
    in_time = [one.recording for one in named if is_in_time(one, rule)]
    false = [one.recording.name.startswith(HELD) for one in healthy if one.rule == rule.name]
    return Score(
        rule,
        len(whole),
        len(in_time),
        tuple(sorted(one.epoch for one in named)),
        false.count(False),
        false.count(True),
        sum(map(is_held, whole)),
        sum(map(is_held, in_time)),
    )


def is_held(recording: Recording) -> bool:
    """Whether an ill training was recorded after the thresholds were set: by its seed."""
    return recording.name.endswith(f".{SEEDS_OF_ILLNESS}")


@dataclass(frozen=True)
class Verdicts:
    """How many trainings that were made fatally ill were given up, after which epochs, and how many healthy ones."""

    hopeless: int
    given_up: int
    epochs: tuple[int, ...]
    healthy: int
    healthy_given_up: int


@cache
def measure_verdicts() -> Verdicts:
    fatal = {rule.name for rule in RULES if rule.fatal}
    ill = [one for one in read_recordings("ill") if one.illness in fatal]
    healthy = read_recordings("healthy")
    epochs = sorted(epoch for one in ill if (epoch := find_verdict(one)))
    false = sum(find_verdict(one) is not None for one in healthy)
    return Verdicts(len(ill), len(epochs), tuple(epochs), len(healthy), false)


def find_verdict(recording: Recording) -> int | None:
    """After which epoch a training is given up."""
    for observed in replay(recording.observed):
        if give_up(observed, diagnose(observed)):
            return observed.epochs
    return None


def write_table(scores: Sequence[Score]) -> str:
    """In Markdown, a row a rule."""
    head = ("illness", "named when", "by", "ill, named in time", "first named after", "healthy, named wrongly")
    rows = [
        (
            f"{score.rule.title} (`{score.rule.name}`)",
            score.rule.fires,
            _tell_epochs(score.rule.within),
            f"{score.in_time} of {score.ill}",
            _tell_range(score.epochs),
            f"{score.false_held} of 20; {score.false_set} of the 20 it was set on",
        )
        for score in scores
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ("---",) * len(head), *rows))


def _tell_epochs(within: int) -> str:
    return {END: "the end", 0: "the start"}.get(within) or count_of(within, "epoch")


def _tell_range(epochs: Sequence[int]) -> str:
    if not epochs:
        return "never"
    low, high = epochs[0], epochs[-1]
    return f"{low} to {high} epochs" if low != high else count_of(low, "epoch") if low else "the start"


def write_document(scores: Sequence[Score]) -> str:
    healthy = [one for one in read_recordings("healthy") if one.name.startswith(HELD)]
    named, verdicts = {one.recording.name for one in name_all(healthy)}, measure_verdicts()
    what = "\n".join(
        f"- **{score.rule.title}.** {score.rule.why} Source: {score.rule.source}. Reads {score.rule.needs}."
        for score in scores
    )
    return DOCUMENT_TEXT.format(
        table=write_table(scores),
        ill=sum(score.ill for score in scores),
        in_time=sum(score.in_time for score in scores),
        healthy=len(healthy),
        named=len(named),
        held_ill=sum(score.held_ill for score in scores),
        held_in_time=sum(score.held_in_time for score in scores),
        rules=what,
        fatal=join_words(
            [score.rule.title[0].lower() + score.rule.title[1:] for score in scores if score.rule.fatal], "or"
        ),
        near=NEAR_GUESSING,
        patience=PATIENCE_EPOCHS,
        hopeless=verdicts.hopeless,
        given_up=verdicts.given_up,
        range=_tell_range(verdicts.epochs),
        all_healthy=verdicts.healthy,
        false_given_up=verdicts.healthy_given_up,
    )


DOCUMENT_TEXT = """# The doctor

Rules look at what a run has recorded, after every epoch, and name what ails it: on Run, above the curves, and as
`python -m core doctor ID`. Each finding tells its evidence in numbers, points at the epochs it speaks of, and offers
the run's spec with a change that may mend it. A rule that lacks what it needs says so; it does not guess. What a rule
finds is a reason to look, no proof.

This page is written by `python -m benchmarks.doctor`, and a test holds it true.

## How well it names

{ill} short trainings were made ill on purpose, and {in_time} of them are named in time; 40 healthy ones differ in
optimizer, rate, size, schedule and seed. The thresholds were set with three seeds of each illness and 20 of the healthy
trainings in view. The fourth seed of each illness ({held_in_time} of {held_ill} in time) and 20 healthy trainings of
other seeds and another split ({named} of {healthy} named, by any rule in any epoch) were recorded afterwards. With
all of them in view one condition changed since: what has too high a rate is no underfitting. A small network that
underfits may be named as one whose schedule ends early: its curve then still fell.

All are small networks on scikit-learn's digits or on photographs in 16 pixels (`benchmarks/recipes.py`): on other
images, and on trainings of many hours, nobody has counted.

{table}

## Why, and who says so

{rules}

## While it trains

After an epoch the run's worker looks, no oftener than takes a twentieth of the time, and notes what it found: Runs
marks such a run, and `doctor:` in its search finds them. That the doctor **gives a run up** is told
([NOTIFICATIONS.md](NOTIFICATIONS.md)); nothing is stopped. It does so where the training loss was above {near:.0%} of
that of guessing after each of the last {patience} epochs, and where one of these was found, which more epochs do not
mend: {fatal}.

Of the {hopeless} trainings above that were made ill so, {given_up} are given up, after {range}, and of {all_healthy}
healthy ones {false_given_up}. The others got below that.

## What is no rule

- **An average of the weights that still holds its start.** It cannot here: the decay begins low, min(decay, (1 + n) /
  (10 + n)) after n updates, so that of the average at the end less than 0.3 % is older than half of the training.
- **Data loading.** Images are in memory before the first step, so that a training never waits for a disk; "the device
  waits" sees other reasons. On a GPU this rule was not measured.
- **Equal images in training and test** are told before the start, by Build and `python -m core data check FOLDER`,
  where it is cheap to mend; the rule here sees what figures tell afterwards.
"""


def main() -> None:
    DOCUMENT.write_text(write_document(score_rules()), encoding="utf-8")


if __name__ == "__main__":
    main()
