"""What the presets come to on real photographs: mean and standard deviation over seeds, with and without test views.

Validation chooses nothing here: the last epoch's weights look at the test images once. Runs are ordinary ones, trained
through the queue into a folder that is kept, so that an interrupted measurement goes on where it was, and those which
have ended are not trained again.

    RESNET_LAB_IMAGES=... python -m benchmarks.presets report-beaten --seeds 2 --runs FOLDER

`--beside report` also trains one epoch of that preset before the first run and one after the last, on the same machine
in the same hour: by their rate it tells how long all its epochs would take.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.machine import keep_result, read_result
from core.runs.folder import Run
from core.runs.listing import list_runs
from core.runs.store import open_run
from core.spec import RunSpec
from core.spec.parse import parse_spec
from core.spec.presets import PRESETS
from core.spec.settings import apply_settings
from tests.forked_server import ROOT

REPORT_ACCURACY = 0.84098  # on the test images, of the network that the student report chose


def make_spec(preset: str, images: Path, seed: int, *settings: str) -> RunSpec:
    """The preset as it stands, but for these settings, on a folder of images."""
    own = ["data.dataset=folder", f"data.folder={images}", "data.folder_classes=10", f"train.seed={seed}"]
    return parse_spec(apply_settings(PRESETS[preset].spec.model_dump(mode="json"), [*own, *settings]))


def time_epoch(preset: str, images: Path) -> float:
    """Seconds of one epoch with its validation, trained now."""
    told = _command("train", "-", "--detach", given=make_spec(preset, images, 0, "train.epochs=1"))
    run = open_run(told.split()[0])
    _command("follow", run.id)
    return float(run.results()["train_seconds"])


def compare_times(preset: str, figures: dict[str, Any], epochs: list[float]) -> dict[str, Any]:
    """All epochs of the preset, by the mean time of these epochs, beside the seconds that `figures` tell."""
    whole = PRESETS[preset].spec.train.passes * statistics.mean(epochs)
    return {
        "preset": preset,
        "epoch_seconds": epochs,
        "seconds_of_all_epochs": whole,
        "times_as_long": whole / figures["train_seconds"]["mean"],
    }


def train_seeds(preset: str, images: Path, seeds: int) -> list[Run]:
    """Finished runs of these seeds: found in the runs folder, resumed there, or trained."""
    specs = [make_spec(preset, images, seed) for seed in range(seeds)]
    known = {run.spec: run for run in (open_run(found.id) for found in list_runs() if found.state != "damaged")}
    broken_off = ("stopped", "interrupted", "failed")
    waiting = [known[spec].id for spec in specs if spec in known and known[spec].state() in broken_off]
    if waiting:
        _command("resume", *waiting)
    for spec in specs:
        if spec not in known:
            told = _command("train", "-", "--detach", "--name", f"{preset} seed {spec.train.seed}", given=spec)
            known[spec] = open_run(told.split()[0])
    _command("follow", *(known[spec].id for spec in specs))
    return [known[spec] for spec in specs]


def _command(*words: str, given: RunSpec | None = None) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "core", *words],
        cwd=ROOT,
        input=given.model_dump_json() if given else None,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


def summarize(runs: list[Run]) -> dict[str, Any]:
    """Accuracies of the last weights on the test images, seconds of training, and on what."""
    ends = [run.results() for run in runs]
    places = [run.environment() for run in runs]
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "parameters": places[0]["parameters"],
        "epochs": runs[0].spec.train.passes,
        "train_images": places[0]["train_images"],
        "seeds": [run.spec.train.seed for run in runs],
        "test_accuracy": _spread([end["test/accuracy"] for end in ends]),
        "test_accuracy_views": _spread([end["test/accuracy_views"] for end in ends if "test/accuracy_views" in end]),
        "train_seconds": _spread([end["train_seconds"] for end in ends]),
        "cpu_seconds": _spread([count_cpu_seconds(run)[-1] for run in runs]),
        "courses": [
            {"cpu_seconds": count_cpu_seconds(run), "val_accuracy": [row["val/accuracy"] for row in run.rows()]}
            for run in runs
        ],
        "batch_size": runs[0].spec.train.batch_size,
        "device": places[0]["device_name"],
        "threads": places[0]["threads"],
        "precision": places[0]["precision"],
    }


def count_cpu_seconds(run: Run) -> list[float]:
    """Seconds of a core that the process had computed by each epoch's end: less than passed, with others beside."""
    counted, before = [0.0], 0.0
    for row in run.rows():
        counted.append(counted[-1] + row["system/cpu_percent"] / 100 * (row["seconds"] - before))
        before = row["seconds"]
    return [round(seconds, 1) for seconds in counted[1:]]


def _spread(values: list[float]) -> dict[str, Any] | None:
    """Mean and sample standard deviation, where there are two."""
    if not values:
        return None
    deviation = statistics.stdev(values) if len(values) > 1 else None
    return {"mean": statistics.mean(values), "standard_deviation": deviation, "values": values}


def tell(spread: dict[str, Any] | None, scale: float = 100, unit: str = "%") -> str:
    """`87.58 ± 0.31 %`."""
    if spread is None:
        return ""
    deviation = "" if spread["standard_deviation"] is None else f" ± {scale * spread['standard_deviation']:,.2f}"
    return f"{scale * spread['mean']:,.2f}{deviation} {unit}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("presets", nargs="+", choices=PRESETS, metavar="PRESET")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--beside", choices=PRESETS, metavar="PRESET", help="one epoch of this one, before and after")
    parser.add_argument("--note", default="", help="what else is to be kept, as other work beside")
    parser.add_argument("--runs", type=Path, required=True, help="the runs folder, made where it is not there")
    options = parser.parse_args()
    if not (images := os.environ.get("RESNET_LAB_IMAGES")):
        parser.error("RESNET_LAB_IMAGES has to name a folder of real images")
    os.environ["RESNET_LAB_RUNS"] = str(options.runs.absolute())
    found = (read_result("presets") or {"presets": {}})["presets"]
    table = Table(title=f"Test accuracy of the last weights; the report's: {REPORT_ACCURACY:.3%}")
    for heading in ("preset", "parameters", "epochs", "seeds", "plain", "with test views", "seconds", "of a core"):
        table.add_column(heading)
    for preset in options.presets:
        try:
            before = [time_epoch(options.beside, Path(images))] if options.beside else []
            runs = train_seeds(preset, Path(images), options.seeds)
            after = [time_epoch(options.beside, Path(images))] if options.beside else []
        except subprocess.CalledProcessError:  # which has said why
            print("Not measured to the end. The same command goes on from there.", file=sys.stderr)
            return 1
        figures = found[preset] = summarize(runs) | {"note": options.note}
        if options.beside:
            beside = figures["beside"] = compare_times(options.beside, figures, before + after)
            told = f"{beside['seconds_of_all_epochs']:,.0f} s, {beside['times_as_long']:.1f} times as long"
            print(f"{options.beside}: {told}")
        table.add_row(
            preset,
            f"{figures['parameters']:,}",
            f"{figures['epochs']:g}",
            str(len(figures["seeds"])),
            tell(figures["test_accuracy"]),
            tell(figures["test_accuracy_views"]),
            tell(figures["train_seconds"], 1, "s"),
            tell(figures["cpu_seconds"], 1, "s"),
        )
    Console().print(table)
    keep_result("presets", {"presets": found})
    return 0


if __name__ == "__main__":
    sys.exit(main())
