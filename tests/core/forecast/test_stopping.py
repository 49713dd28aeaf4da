"""Chances that the best is among those kept are those of a plain count, and only what will hardly be the best stops."""

import itertools
from contextlib import ExitStack

import numpy as np
import pytest

from core.compare.snapshot import read_run, read_runs
from core.forecast.stopping import LEAST_SECONDS, SURE, Contender, chance_among, suggest, suggest_stops
from core.runs.folder import Run
from core.system import files
from tests.pages.sample_runs import make_rows, make_run, training

LONG = ("train.epochs=30",)


def draw(seed: int, count: int, values: int) -> list[np.ndarray]:
    """Ends on a grid, so that there are ties."""
    dice = np.random.default_rng(seed)
    return [np.round(dice.normal(0.5, 0.1, values), 1) for _ in range(count)]


@pytest.mark.parametrize("kept", [1, 2, 3])
@pytest.mark.parametrize("seed", range(5))
def test_the_chance_is_that_of_counting_every_outcome(seed: int, kept: int) -> None:
    ends = draw(seed, 4, 5)
    outcomes = [max(drawn[:kept]) >= max(drawn[kept:]) for drawn in itertools.product(*ends)]
    assert chance_among(ends[:kept], ends[kept:]) == pytest.approx(np.mean(outcomes), abs=1e-12)


def test_the_chance_is_that_of_drawing_at_random() -> None:
    dice = np.random.default_rng(1)
    ends = [dice.normal(0.5 + 0.02 * index, 0.05, 72) for index in range(12)]
    drawn = np.stack([dice.choice(values, 200_000) for values in ends])
    sampled = (drawn[6:].max(0) >= drawn[:6].max(0)).mean()
    assert chance_among(ends[6:], ends[:6]) == pytest.approx(sampled, abs=0.005)


def spread(middle: float) -> np.ndarray:
    return middle + np.linspace(-0.05, 0.05, 60)


def test_those_that_will_hardly_be_the_best_stop_and_their_time_is_saved() -> None:
    field = [Contender("good", spread(0.9), 600), Contender("bad", spread(0.5), 300), Contender("low", spread(0.6), 90)]
    found = suggest(field)
    assert found is not None
    assert (found.stop, found.kept, found.seconds) == (("bad", "low"), ("good",), 390)
    assert found.chance == pytest.approx((60 / 61) ** 2)


def test_no_more_stop_than_the_chance_allows() -> None:
    middles = (0.5, 0.76, 0.77, 0.78)
    field = [Contender(str(middle), spread(middle), 600) for middle in middles]
    found = suggest(field)
    assert found is not None
    assert found.stop == ("0.5",)
    assert found.chance >= SURE
    ends = [each.ends for each in field]
    assert chance_among(ends[2:], ends[:2]) < SURE
    wilder = suggest(field, sure=0.5)
    assert wilder is not None
    assert wilder.stop[:2] == ("0.5", "0.76")


def test_equals_all_go_on_and_so_does_one_alone() -> None:
    assert suggest([Contender(str(index), spread(0.8), 600) for index in range(5)]) is None
    assert suggest([Contender("alone", spread(0.8), 600)]) is None
    assert suggest([]) is None


def test_few_past_trainings_cannot_be_sure() -> None:
    assert suggest([Contender("good", np.full(8, 0.9), 600), Contender("bad", np.full(8, 0.5), 600)]) is None
    found = suggest([Contender("good", np.full(10, 0.9), 600), Contender("bad", np.full(10, 0.5), 600)])
    assert found is not None
    assert found.chance == pytest.approx(10 / 11)


def test_what_has_ended_contends_and_cannot_stop_and_little_time_is_no_reason() -> None:
    ended = Contender("ended", np.array([0.9]))
    found = suggest([ended, Contender("bad", spread(0.5), 600)])
    assert found is not None
    assert (found.stop, found.kept) == (("bad",), ("ended",))
    assert suggest([ended, Contender("bad", spread(0.5), LEAST_SECONDS - 1)]) is None


# Runs ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch, lab_folders: object) -> None:
    monkeypatch.setattr("core.forecast.peers.MAX_AGE", 0.0)
    monkeypatch.setattr("core.forecast.peers.READ_SECONDS", 60.0)


def make_half(top: float, *, done: int = 15, settings: tuple[str, ...] = LONG, **about: object) -> Run:
    """Half way, and level since its fifth epoch; five seconds an epoch."""
    run = make_run("interrupted", settings=settings, epochs_done=done, **about)
    values = top * np.minimum(np.arange(1, done + 1) / 5, 1)
    rows = [
        row | {"val/accuracy": value, "seconds": 5.0 * row["epoch"]}
        for row, value in zip(make_rows(done), values.tolist(), strict=True)
    ]
    (run.path / "metrics.jsonl").write_bytes(b"".join(map(files.to_line, rows)))
    return run


@pytest.mark.usefixtures("fresh")
def test_running_runs_of_one_task_are_weighed_and_others_are_not() -> None:
    good, bad = make_half(0.9, name="good"), make_half(0.2, name="bad")
    young = make_half(0.5, done=2, name="young")
    other = make_half(0.1, settings=(*LONG, "data.split_seed=3"), name="other images")
    trial = make_half(0.1, name="of a study", tags=("study:mine",))
    asked = make_half(0.1, name="asked")
    (asked.path / "stop").touch()
    runs = [good, bad, young, other, trial, asked]
    with ExitStack() as stack:
        for run in runs:
            stack.enter_context(training(run))
        (found,) = suggest_stops(read_runs(run.id for run in runs))
        assert (found.stop, found.kept, found.unknown) == ((bad.id,), (good.id,), (young.id,))
        assert found.seconds == pytest.approx(15 * 5)
        assert SURE <= found.chance < 1
        # One that is asked to stop is no contender any more.
        (good.path / "stop").touch()
        assert suggest_stops(read_runs(run.id for run in runs)) == []


@pytest.mark.usefixtures("fresh")
def test_a_finished_run_may_be_the_best_and_without_a_running_one_nothing_is_told() -> None:
    done, bad = make_run(settings=LONG, epochs_done=30, top=0.95), make_half(0.2)
    assert suggest_stops([read_run(done.id), read_run(bad.id)]) == []
    with training(bad):
        (found,) = suggest_stops([read_run(done.id), read_run(bad.id)])
    assert (found.stop, found.kept) == ((bad.id,), (done.id,))
