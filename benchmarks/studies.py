"""What a study adds to the training of its trials: asking, telling, counting, making the run's folder.

One worker searches a space of tiny networks; what its trials' runs do not account for is the study's. The training of a
run is the time from its start on the device to its end; a stricter figure counts only the seconds in its epochs.

    python -m benchmarks.studies --trials 20 --earlier 1000
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from typing import Any

import optuna
from optuna.trial import TrialState, create_trial
from rich.console import Console
from rich.table import Table

from benchmarks.machine import keep_result
from core.runs.store import open_run
from core.spec.parse import parse_spec
from core.spec.presets import PRESETS
from core.studies.manage import create_study, start_workers
from core.studies.samplers import make_distribution, suggest_values
from core.studies.spec import STUDY_PRESETS, Sampler, StudySpec
from core.studies.study import Study, list_studies, open_study

TRIAL_SECONDS = 60.0  # of a short trial in practice, for the share of its time


def make_spec(trials: int, sampler: Sampler) -> StudySpec:
    """The ten fields of the report's space, over digits in networks that train in a second."""
    report = STUDY_PRESETS["report"]
    base = PRESETS["first-look"].spec.model_dump(mode="json")
    base["data"] |= {"max_train_images": 512, "image_size": 8}
    base["model"]["pool_size"] = 2
    base["train"] |= {"epochs": 3, "device": "cpu"}
    small = [
        dimension.model_copy(update={"choices": (4, 8)})
        if dimension.path.endswith("channels")
        else dimension.model_copy(update={"choices": (1, 2)})
        if dimension.path == "model.pool_size"
        else dimension
        for dimension in report.space
    ]
    return StudySpec(base=parse_spec(base), space=tuple(small), trials=trials, sampler=sampler, pruner="median")


def add_earlier(study: Study, count: int) -> None:
    """Finished trials of an earlier day, which the sampler has to take into account."""
    inner, drawn = study.optuna(), optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    distributions = {dimension.path: make_distribution(dimension) for dimension in study.spec.space}
    for number in range(count):
        params = suggest_values(drawn.ask(), study.spec)
        inner.add_trial(
            create_trial(
                state=TrialState.COMPLETE,
                value=2.0 + (number * 37 % 100) / 100,
                params=params,
                distributions=distributions,
                user_attrs={"joined": True, "parameters": 1000},
                intermediate_values={epoch: 3.0 - epoch / 10 for epoch in range(1, 4)},
                constraints={"network": -1.0},
            )
        )


def measure(trials: int, earlier: int, sampler: Sampler) -> dict[str, Any]:
    """Seconds a trial that are not training, and the time a look at the study takes."""
    name = f"{sampler} {earlier}"
    create_study(name, make_spec(trials, sampler))
    study = open_study(name)
    add_earlier(study, earlier)
    start_workers(name, 1)
    while study.summary().workers_alive:
        time.sleep(0.5)
    frame = study.trials()
    own = frame[(frame.run_id != "") & frame.state.isin(["finished", "pruned"])]
    # The first trial also warms the process up.
    rows, begun = own.iloc[1:], own.iloc[0].finished
    training, epochs = [], []
    for run_id in rows.run_id:
        run = open_run(run_id)
        training.append((run.end() or {})["ended"] - run.environment()["started"])
        epochs.append(run.rows()[-1]["seconds"])
    span = own.iloc[-1].finished - begun
    overhead = (span - sum(training)) / len(rows)
    looks = [_time(study.trials) for _ in range(5)]
    return {
        "sampler": sampler,
        "earlier_trials": earlier,
        "trials": len(rows),
        "infeasible": int((frame.state == "infeasible").sum()),
        "overhead_seconds": round(overhead, 4),
        "share_of_a_minute": round(overhead / (TRIAL_SECONDS + overhead), 5),
        "training_seconds": round(statistics.mean(training), 3),
        "beside_epochs_seconds": round((span - sum(epochs)) / len(rows), 4),
        "table_seconds": round(statistics.median(looks), 4),
        "list_seconds": round(statistics.median(_time(list_studies) for _ in range(5)), 4),
    }


def _time(act: Any) -> float:
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def print_figures(found: list[dict[str, Any]]) -> None:
    """One row a figure, one column a study."""
    table = Table("", *[f"{figures['sampler']}, {figures['earlier_trials']} before" for figures in found])
    for name in list(found[0])[2:]:
        table.add_row(name.replace("_", " "), *[str(figures[name]) for figures in found])
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--earlier", type=int, default=1000, help="trials that are there before")
    parser.add_argument("--samplers", nargs="+", default=["tpe"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["RESNET_LAB_RUNS"] = folder
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        found = [
            measure(options.trials, earlier, sampler)
            for sampler in options.samplers
            for earlier in (0, options.earlier)
        ]
    print_figures(found)
    keep_result("studies", {"studies": found})


if __name__ == "__main__":
    main()
