"""The docstring of a standalone script: which run it trains, what that run reached, and how to start it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from core.runs.folder import Run
from core.runs.records import Environment
from core.spec import RunSpec

_FIGURES = {
    "best/val_accuracy": "validation accuracy, best",
    "last/val_accuracy": "validation accuracy, last",
    "test/accuracy_best": "test accuracy, best on validation",
    "test/accuracy": "test accuracy, last weights",
}


def describe_run(run: Run, spec: RunSpec) -> Iterator[str]:
    """The lines of the script's docstring."""
    name = run.about.name
    yield f"Trains the run {name or run.id} once more, from its images to its test accuracy."
    yield ""
    yield f"Made by ResNet Lab out of its own code, for the run {run.id} of {_day(run.about.created)}."
    yield "Saved as train.py, it needs Python 3.11, torch and torchvision (which bring numpy and pillow), nothing else:"
    yield ""
    yield f"    {_command(spec)}"
    yield ""
    yield "It prints a line an epoch, and writes metrics.csv, result.json, best.pt and last.pt into the folder --out."
    yield "On a CPU with the versions and threads below, every figure and weight is the run's own, bit for bit,"
    yield "if this version of the lab trained it."
    yield ""
    yield from _list_results(run)
    yield from _describe_environment(run.environment())
    yield ""
    yield "The weights, once trained:"
    yield ""
    yield "    from train import SPEC, build_model"
    channels = ", 1" if spec.data.num_channels == 1 else ""
    yield f"    model = build_model(SPEC.model, {spec.data.num_classes}, SPEC.data.image_size{channels})"
    yield '    model.load_state_dict(torch.load("best.pt"))'


def _command(spec: RunSpec) -> str:
    match spec.data.dataset:
        case "digits":
            return "python train.py"
        case "folder":
            return f"python train.py --data {spec.data.folder}"
        case _:
            return "python train.py --data data --download"


def _list_results(run: Run) -> Iterator[str]:
    figures = run.results()
    lines = [
        f"    {title:<36}{figures[key]:.2%}" for key, title in _FIGURES.items() if isinstance(figures.get(key), float)
    ]
    if lines:
        yield f"What the run reached (best: epoch {figures.get('best/epoch')} of {figures.get('last/epoch')}):"
        yield ""
        yield from lines
    else:
        done, epochs = len(run.rows()), run.spec.train.epochs
        yield f"The run is {run.state()}, after {done} of {epochs} epochs; this script trains all of them."
    yield ""


def _describe_environment(environment: Environment) -> Iterator[str]:
    if not environment.get("versions"):
        yield "The run has not begun, so it is not known what it computes with."
        return
    versions = ", ".join(
        f"{name} {version}"
        for name, version in environment["versions"].items()
        if name in ("torch", "torchvision", "numpy")
    )
    yield f"What it was computed with: Python {environment.get('python')}, {versions};"
    threads = f", {environment['threads']} threads" if environment.get("threads") else ""
    yield f"{environment.get('device_name')} ({environment.get('device')}), {environment.get('precision')}{threads}."


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
