"""The forecast of a curve's end, replayed over recorded trainings: how often its interval held, and how wide it was.

python -m benchmarks.forecast          # writes docs/FORECAST.md
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.replay import Recording, read_recordings
from core.forecast.extrapolate import FloatArray, Outlook, extrapolate, spend_rates
from core.forecast.forecast import LEAST_SHARE, RECORDED
from core.forecast.interval import (
    CONFIDENCE,
    FIGURES,
    LEAST_PAST,
    Figure,
    cover,
    make_interval,
    residual,
    spread_ends,
)
from core.forecast.peers import is_like
from core.forecast.stopping import SURE, Contender, suggest
from core.system.folders import PROJECT

DOCUMENT = PROJECT / "docs" / "FORECAST.md"
FAMILIES = ("digits", "photographs")
SHARES = (0.3, 0.5, 0.7)  # of the epochs
WAYS = ("forecast", "last, calibrated", "last plus spread")
GROUPS, GROUP_SIZE = 200, 6
WIDTH_OF_80 = 1.2816  # standard deviations of a normal distribution to either side


@dataclass(frozen=True)
class Case:
    """A training at a point: what was expected then, its end, and what was known of it."""

    family: str
    recording: Recording
    outlook: Outlook
    known: FloatArray
    end: float


@dataclass(frozen=True)
class Result:
    """Of all trainings at one point: the share that ended inside, and median and mean width of the intervals."""

    covered: float
    median_width: float
    mean_width: float


def list_cases(figure: Figure, share: float) -> Iterator[Case]:
    for family in FAMILIES:
        for recording in read_recordings(family):
            observed = recording.observed
            values = observed.column(figure.column)
            known = values[: max(3, round(share * observed.planned))]
            rates = spend_rates(observed.spec.train, int(observed.environment["updates_per_epoch"]))
            outlook = extrapolate(known, rates, figure.floor)
            if observed.is_complete and outlook and np.isfinite(values[-1]):
                yield Case(family, recording, outlook, known, float(values[-1]))


def replay_forecast(figure: Figure, share: float) -> dict[str, Result]:
    """Ours, the last value with an interval by the same means, and the last value plus the spread so far."""
    cases = list(list_cases(figure, share))
    bounds: dict[str, list[tuple[float, float, float]]] = {name: [] for name in WAYS}
    for case in cases:
        peers = pick_peers(case, cases)
        ours = make_interval(case.outlook, _residuals(peers), figure)
        last = Outlook(float(case.known[-1]), 1.0)
        moved = np.array([other.end - other.known[-1] for other in peers])
        calibrated = make_interval(last, moved, figure)
        reach = WIDTH_OF_80 * float(np.std(case.known))
        bounds["forecast"].append((ours.low, ours.high, case.end))
        bounds["last, calibrated"].append((calibrated.low, calibrated.high, case.end))
        bounds["last plus spread"].append((last.centre - reach, last.centre + reach, case.end))
    return {name: _sum_up(found) for name, found in bounds.items()}


def pick_peers(case: Case, cases: Sequence[Case]) -> list[Case]:
    """As the lab picks among its finished runs: the same images, and a schedule that ends alike if there are ten."""
    same = [other for other in cases if other is not case and other.family == case.family]
    train = case.recording.observed.spec.train
    like = [other for other in same if is_like(train, other.recording.observed.spec.train)]
    return like if len(like) >= LEAST_PAST else same


def _residuals(peers: Sequence[Case]) -> FloatArray:
    return np.array([residual(peer.outlook, peer.end) for peer in peers])


def _sum_up(bounds: Sequence[tuple[float, float, float]]) -> Result:
    low, high, end = np.array(bounds).T
    inside, width = (low <= end) & (end <= high), high - low
    return Result(float(inside.mean()), float(np.median(width)), float(width.mean()))


@dataclass(frozen=True)
class Stops:
    """Of groups of trainings at one point: in how many some were to stop, and of these the share of all epochs left
    that stopping saves, the mean chance that was told for the best to go on, and in how many it did."""

    groups: int
    suggested: int
    saved: float
    told: float
    kept: float


def replay_stops(share: float) -> Stops:
    """Groups drawn at random from the trainings on one kind of images, told by residuals of the other kind."""
    figure, dice, found = FIGURES[0], random.Random(23), []
    cases = list(list_cases(figure, share))
    for family in FAMILIES:
        own = [case for case in cases if case.family == family]
        residuals = _residuals([case for case in cases if case.family != family])
        for _ in range(GROUPS // len(FAMILIES)):
            group = dice.sample(own, GROUP_SIZE)
            left = [60.0 * (case.recording.observed.planned - len(case.known)) for case in group]
            contenders = [
                Contender(case.recording.name, spread_ends(case.outlook, residuals, figure), seconds)
                for case, seconds in zip(group, left, strict=True)
            ]
            if told := suggest(contenders):
                kept = max(case.end for case in group if case.recording.name in told.kept)
                found.append((told.seconds / sum(left), told.chance, kept == max(case.end for case in group)))
    saved, chance, kept_best = np.array(found, float).mean(0)
    return Stops(GROUPS, len(found), float(saved), float(chance), float(kept_best))


def write_stops() -> str:
    head = ("after", "groups in which some were to stop", "epochs saved of those left", "best goes on: told", "and did")
    rows = [
        (
            f"{share:.0%}",
            f"{found.suggested} of {found.groups}",
            *(f"{v:.0%}" for v in (found.saved, found.told, found.kept)),
        )
        for share in SHARES
        for found in [replay_stops(share)]
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ("---",) * len(head), *rows))


def measure_recorded() -> dict[str, dict[str, dict[str, object]]]:
    """For a lab with fewer than ten runs of its own: residuals of all recorded trainings, by the share of epochs."""
    found: dict[str, dict[str, dict[str, object]]] = {}
    for figure in FIGURES:
        for share in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9):
            cases = list(list_cases(figure, share))
            covered = cover([case.outlook for case in cases], np.array([case.end for case in cases]), figure).mean()
            residuals = sorted(float(f"{each:.3g}") for each in _residuals(cases))
            found.setdefault(figure.column, {})[str(share)] = {"residuals": residuals, "covered": round(covered, 3)}
    return found


def write_table() -> str:
    """In Markdown, a row for each figure, point and way."""
    head = ("forecast of", "after", "way", "ended inside", "width, median", "width, mean")
    rows = []
    for figure in FIGURES:
        for share in SHARES:
            for way, found in replay_forecast(figure, share).items():
                widths = (found.median_width, found.mean_width)
                shown = [f"{100 * w:.1f} points" if figure.high == 1 else f"{w:.3f}" for w in widths]
                rows.append((f"`{figure.column}`", f"{share:.0%}", way, f"{found.covered:.0%}", *shown))
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ("---",) * len(head), *rows))


DOCUMENT_TEXT = """# The forecast of a run's end

From the third epoch on, Run draws where validation accuracy and loss will end, as a fan that holds the end in
{level:.0%} of cases, and tells the chance to end above the best finished run on the same images. In a lab with fewer
than ten runs of its own, from {least:.0%} of the epochs on: nothing earlier was recorded.

- **Expected end.** An ensemble of parametric curves (power laws, exponentials, a logarithm; after Domhan, Springenberg
  & Hutter 2015, IJCAI), each over epochs and over the learning rate spent, weighted by how well it fits. Halfway
  between its end and the last value is the centre.
- **Interval.** Split conformal prediction with normalised residuals (Lei et al. 2018, arXiv:1604.04173) over the lab's
  own finished runs on the same kind of images, with a schedule that ends alike where ten of them do, each replayed to
  the same share of its epochs. In a lab with fewer than ten, over the {count} recorded trainings below.
- **How far to trust it** stands beside it: how many of these runs ended inside such an interval, each by the others.
- It knows nothing of an early stop, and nothing of what no past run did.

This page is written by `python -m benchmarks.forecast`, and a test holds it true.

## Replayed

{count} trainings (`benchmarks/recipes.py`: digits and photographs in 16 pixels, 10 to 20 epochs; optimizer, rate, size
and schedule drawn at random), each forecast by the others of its images. "Last, calibrated" is the last value with an
interval made in the same way; "last plus spread" is the last value ± 1.28 standard deviations of the values so far.

{table}

## Those that will not make it

Where several runs on the same images train, Runs, Compare and the page of a run with other seeds say which of them
will hardly be the best, what stopping those saves, and the chance that the best goes on. One click stops them with a
checkpoint; another resumes them. `python -m core forecast ID ID ...` tells the same, `--stop` does it. Each end is
moved by what n past forecasts were off by, independently of the others, and by more than all of them in one of n + 1
cases; as many stop as leave the best among the rest with a chance of {sure:.0%}. What has finished contends with what
it came to; what is in its first epochs, queued, or a trial of a study is left alone. The mean over seeds of a recipe
means less once its worst are stopped.

{groups} groups of {size}, drawn at random from the recorded trainings on one kind of images; the forecast knew those on
the other kind alone:

{stops}

As a pruner of studies (`forecast`) it ends trials one by one: [PRUNERS.md](PRUNERS.md) has what that saves.
"""


def write_document() -> str:
    count = len(list(list_cases(FIGURES[0], 0.5)))
    return DOCUMENT_TEXT.format(
        level=CONFIDENCE,
        least=LEAST_SHARE,
        count=count,
        table=write_table(),
        sure=SURE,
        groups=GROUPS,
        size=GROUP_SIZE,
        stops=write_stops(),
    )


def main() -> None:
    RECORDED.write_text(json.dumps(measure_recorded()) + "\n", encoding="utf-8")
    DOCUMENT.write_text(write_document(), encoding="utf-8")


if __name__ == "__main__":
    main()
