"""Workers are killed or told to end at any moment; each run comes out as if nothing had happened."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from core.launch.launcher import resume_run, start_run
from core.runs import presence
from core.runs.folder import Run
from core.runs.store import open_run
from core.spec.parse import parse_spec
from core.spec.settings import apply_settings
from tests.core.same_result import assert_same_result
from tests.core.workers import start_worker, tiny_spec, wait_for, wait_for_state
from tests.faults import breakage
from tests.faults.lives import live, new_run, worker_of

SPEC = tiny_spec(epochs=5)
# Everything that keeps something from one step or epoch to the next.
EVERYTHING = [
    "train.optimizer=muon",
    "train.accumulation=2",
    "train.ema_decay=0.9",
    "train.lookahead_steps=3",
    "train.schedule=plateau",
    "train.plateau_patience=1",
    "train.clip_norm=1",
    "train.early_stop_patience=50",
    "augment.flip=true",
    "augment.flip_order=alternating",
    "augment.mixup=0.2",
    "augment.cutout=2",
    "augment.policy=randaugment",
]
SPECS = (SPEC, parse_spec(apply_settings(SPEC.model_dump(mode="json"), EVERYTHING)))


@pytest.fixture
def undisturbed(quick_workers: Path) -> list[Run]:
    """A finished run of each of the specs."""
    runs = [new_run(spec) for spec in SPECS]
    for run in runs:
        assert live(run) == "finished", run.log_tail()
    return runs


def wait_for_a_moment(run: Run, rng: random.Random, life: float) -> int:
    """Waits for a random moment in the life of the run's worker: half of them anywhere, half inside of an epoch, where
    its files are written. The worker's process id; 0 where it has ended before."""
    wait_for(lambda: worker_of(run) or run.end())
    if rng.random() < 0.5:
        time.sleep(rng.uniform(0, life))
    else:
        epochs = rng.randrange(SPEC.train.epochs)
        wait_for(lambda: len(run.rows()) >= epochs or run.end())
        time.sleep(rng.uniform(0, life / 10))
    return worker_of(run)


def disturb(number: int, undisturbed: list[Run], act: Callable[[Run, int], None]) -> Counter[str]:
    """Runs that are each disturbed up to four times and resumed, until that was done so often; all end alike."""
    rng, told = random.Random(number), Counter[str]()
    while told["disturbed"] < number:
        expected = undisturbed[told["runs"] % len(undisturbed)]
        life = float(expected.end()["ended"] - expected.environment()["started"])
        run = open_run(start_run(expected.spec))
        for _ in range(min(4, number - told["disturbed"])):
            if not (worker := wait_for_a_moment(run, rng, life)):
                break
            act(run, worker)
            if wait_for_state(run, "interrupted", "stopped", "finished", "failed") == "finished":
                break
            told["disturbed"] += 1
            told["in the first epoch or before" if not run.rows() else "later"] += 1
            resume_run(run.id)
        assert wait_for_state(run, "finished", "failed") == "finished", run.log_tail()
        assert_same_result(run, expected)
        told["runs"] += 1
    return told


@pytest.mark.slow
@pytest.mark.promise(
    1,
    "A run that is killed at any moment goes on to the same weights, metrics and predictions, bit for bit, with each "
    "epoch once.",
    how="`kill -9` at 200 random moments of five-epoch runs, every other one with all that keeps a state (Muon, "
    "accumulation, averages, Lookahead, plateau, alternating flips, MixUp), then Resume. Workers are forked from a "
    "process that has loaded torch; from there on they run `core.worker` as it is.",
    control="resumed without the optimizer's moments, or with generators begun anew, weights differ; without cutting "
    "the metrics back, an epoch is there twice",
)
def test_a_run_killed_at_random_moments_ends_as_if_undisturbed(
    undisturbed: list[Run], full: bool, record_figure: Callable[[str], None]
) -> None:
    def kill(run: Run, worker: int) -> None:
        run.kill()

    told = disturb(200 if full else 10, undisturbed, kill)
    record_figure(
        f"{told['disturbed']} kills ({told['in the first epoch or before']} in the first epoch or before) of "
        f"{told['runs']} runs: all {told['runs']} identical"
    )


@pytest.mark.slow
@pytest.mark.promise(
    2,
    "SIGTERM, as at a shutdown or from the scheduler of a cluster, ends a run within 10 s, with a checkpoint. It is "
    "interrupted, not stopped, says by what, and resumes identically; also where the same worker is started again.",
    how="SIGTERM at 50 random moments of five-epoch runs, then Resume",
    control="as above; a worker that does not listen leaves no checkpoint of its step",
)
def test_a_run_told_to_end_at_random_moments_is_interrupted_and_ends_as_if_undisturbed(
    undisturbed: list[Run], full: bool, record_figure: Callable[[str], None]
) -> None:
    slowest = 0.0

    def terminate(run: Run, worker: int) -> None:
        nonlocal slowest
        began = time.monotonic()
        os.kill(worker, signal.SIGTERM)
        state = wait_for_state(run, "stopped", "finished", "interrupted", "failed")
        assert state in ("interrupted", "finished")
        assert state == "finished" or run.summary().reason.startswith("Ended by the system (SIGTERM)")
        slowest = max(slowest, time.monotonic() - began)

    told = disturb(50 if full else 3, undisturbed, terminate)
    assert slowest < 10
    record_figure(f"{told['disturbed']} times: ended within {slowest:.1f} s, all {told['runs']} runs identical")


# Controls


def resume_broken(setup: Callable[[], None]) -> tuple[Run, Run]:
    """Two runs by workers that leave something out: one undisturbed, one killed in its third epoch and resumed."""
    whole, killed = new_run(SPEC), new_run(SPEC)
    assert live(whole, setup) == "finished"
    assert live(killed, partial(breakage.several, setup, partial(breakage.die_at_checkpoint, 3))) == "interrupted"
    assert live(killed, setup) == "finished"
    return killed, whole


@pytest.mark.parametrize(
    "setup", [breakage.forget_moments, breakage.seed_only_once, breakage.keep_later_lines], ids=lambda f: f.__name__
)
def test_control_a_resume_that_leaves_something_out_is_seen(quick_workers: Path, setup: Callable[[], None]) -> None:
    killed, whole = resume_broken(setup)
    with pytest.raises(AssertionError):
        assert_same_result(killed, whole)


def test_control_the_same_kill_without_anything_left_out_ends_identically(quick_workers: Path) -> None:
    assert_same_result(*resume_broken(breakage.several))


def test_control_a_worker_that_does_not_listen_leaves_no_checkpoint_of_its_step(quick_workers: Path) -> None:
    run = new_run(tiny_spec(epochs=10_000))
    presence.mark_launch(run.path, start_worker(run, breakage.never_listen))
    os.kill(int(wait_for(lambda: run.rows() and worker_of(run))), signal.SIGTERM)
    assert wait_for_state(run, "stopped", "interrupted") == "interrupted"
    assert not any(entry.name.endswith("-stopped.safetensors") for entry in run.checkpoints())
