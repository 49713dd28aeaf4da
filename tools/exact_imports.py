"""Holds many points of every tool, written by the tool itself, against what the tool's own reader gives, bit by bit.

    python -m tools.exact_imports ENVIRONMENTS                       10,000 points of each tool
    python -m tools.exact_imports ENVIRONMENTS --points 1000000 --tool wandb --tool mlflow

Each tool gets a virtual environment below the folder ENVIRONMENTS, with the versions below, which are downloaded. So
no test does this; docs/IMPORT.md has what came of it.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.imports.hints import AIM_COMMAND
from core.imports.read import read_path
from core.imports.values import Found
from core.system.folders import PROJECT

SCRIPT = PROJECT / "tests" / "core" / "imports" / "made" / "make_many.py"
OLD_WANDB = "wandb==0.19.11"  # the last with a reader of its own logs
LARGEST = sys.float_info.max
Columns = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True)
class Tool:
    """What is installed for it, and where: tools that share an environment have its name.

    With `shares` the lab's own packages are there too, torch and TensorBoard among them.
    """

    environment: str
    packages: tuple[str, ...] = ()
    shares: bool = False
    variables: dict[str, str] = field(default_factory=dict)


# Without packages it is the lab's own environment.
_QUIET = {"WANDB_MODE": "offline", "WANDB_SILENT": "true", "WANDB_CONSOLE": "off"}
_KERAS = Tool("keras", ("keras==3.15.1", "tensorflow-cpu==2.21.0", "tensorboard==2.21.0"))
_LIGHTNING = Tool("lightning", ("lightning==2.6.6",), shares=True)
_MLFLOW = Tool("mlflow", ("mlflow==3.17.2",))
TOOLS = {
    "tensorboard": Tool(""),
    "tensorboardx": Tool("tensorboardx", ("tensorboardX==2.6.5",), shares=True),
    "lightning": _LIGHTNING,
    "keras": _KERAS,
    "guild": Tool("guild", ("guildai==0.9.0", "setuptools<81")),
    "wandb": Tool("wandb", ("wandb==0.31.0",), variables=_QUIET),
    "mlflow": _MLFLOW,
    "mlflow_files": _MLFLOW,
    "trackio": Tool("trackio", ("trackio==0.43.0",)),
    "dvclive": Tool("dvclive", ("dvclive==3.49.1",)),
    "swanlab": Tool("swanlab", ("swanlab==0.10.3",)),
    "clearml": Tool("clearml", ("clearml==2.1.12",)),
    "keras_csv": _KERAS,
    "lightning_csv": _LIGHTNING,
    "pandas": Tool(""),
    "aim": Tool("aim", ("aim==3.29.1", "pandas"), variables={"EXPORT": AIM_COMMAND}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("environments", type=Path)
    parser.add_argument("--points", type=int, default=10_000)
    parser.add_argument("--tool", action="append", choices=TOOLS)
    settings = parser.parse_args()
    failed = False
    for name in settings.tool or TOOLS:
        try:
            print(f"{name}: {check(name, settings.environments.resolve(), settings.points)}", flush=True)
        except (AssertionError, subprocess.CalledProcessError) as error:
            failed = True
            print(f"{name}: {error}", flush=True)
    sys.exit(failed)


def check(name: str, environments: Path, points: int) -> str:
    """Writes, reads and compares; returns what was seen. Raises AssertionError where something differs."""
    tool = TOOLS[name]
    python = install(tool, environments) if tool.packages else Path(sys.executable)
    variables = {**os.environ, **tool.variables, "HOME": str(environments / "home")}
    if name == "wandb":
        variables["DATASTORE"] = str(fetch_datastore(environments))
    with tempfile.TemporaryDirectory(dir=environments) as temporary:
        folder = Path(temporary, "many")
        with open(environments / f"{name}.log", "w") as log:
            command = [str(python), str(SCRIPT), name, str(folder), str(points)]
            subprocess.run(command, env=variables, cwd=temporary, stdout=log, stderr=log, check=True)
        expected, seconds = read_expected(folder)
        began = time.process_time()
        found = read_path(folder / "files")
        read = time.process_time() - began
    count = compare(expected, found)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    return (
        f"{count:,} points in {len(expected)} series are equal to the last bit; "
        f"the tool wrote and read them in {seconds:.0f} s, "
        f"here they were read in {read:.1f} s of CPU time and {peak:.0f} MB"
    )


def install(tool: Tool, environments: Path) -> Path:
    """The tool's Python, made if need be."""
    folder = environments / tool.environment
    python = folder / "bin" / "python"
    done = folder / ".packages"
    if not done.exists() or done.read_text() != repr(tool.packages):
        venv.create(folder, with_pip=True, clear=True)
        if tool.shares:
            (packages,) = folder.glob("lib/python*/site-packages")
            (packages / "shared.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
        subprocess.run([python, "-m", "pip", "install", "--quiet", *tool.packages], check=True)
        done.write_text(repr(tool.packages))
    return python


def fetch_datastore(environments: Path) -> Path:
    """W&B's own reader of its logs, from the last version that had one."""
    target = environments / "datastore.py"
    if not target.exists():
        python = environments / "wandb" / "bin" / "python"
        command = [python, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", environments, OLD_WANDB]
        subprocess.run(command, check=True)
        (wheel,) = environments.glob("wandb-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            target.write_bytes(archive.read("wandb/sdk/internal/datastore.py"))
    return target


def read_expected(folder: Path) -> tuple[dict[str, Columns], float]:
    told = json.loads((folder / "expected.json").read_text())
    expected: dict[str, Columns] = {}
    with open(folder / "expected.bin", "rb") as file:
        for name, count in told["series"].items():
            expected[name] = tuple(np.fromfile(file, kind, count) for kind in (np.int64, np.float64, np.float64))  # type: ignore[assignment]
    return expected, told["seconds"]


def compare(expected: dict[str, Columns], found: Found) -> int:
    """How many points were compared. Raises AssertionError that names the first that differs."""
    assert len(found.runs) == 1, f"{len(found.runs)} runs were found"
    (run,) = found.runs
    assert set(run.series) == set(expected), f"series {sorted(run.series)} instead of {sorted(expected)}"
    for name, (steps, values, times) in expected.items():
        series = run.series[name]
        assert len(series) == len(steps), f"{name}: {len(series):,} points instead of {len(steps):,}"
        if run.format == "mlflow":
            # Its SQLite keeps infinity as the largest number, which its client gives, and its client sorts points.
            values = np.where(np.abs(values) >= LARGEST, np.copysign(np.inf, values), values)
            order, own = np.lexsort((times, steps)), np.lexsort((series.times, series.steps))
            steps, values, times = steps[order], values[order], times[order]
            ours = (series.steps[own], series.values[own], series.times[own])
        else:
            ours = (series.steps, series.values, series.times)
        for what, told, read in zip(("step", "value", "time"), (steps, values, times), ours, strict=True):
            wrong = np.flatnonzero(to_bits(told) != to_bits(read))
            if len(wrong):
                first = int(wrong[0])
                one, other = (to_hex(each[first]) for each in (told, read))
                raise AssertionError(f"{name}: {len(wrong):,} {what}s differ, the first is {other} instead of {one}")
    return sum(len(columns[0]) for columns in expected.values())


def to_bits(column: NDArray[np.generic]) -> NDArray[np.int64]:
    """What `float.hex` tells apart: every NaN is one, 0.0 and -0.0 are two."""
    if column.dtype == np.float64:
        column = np.where(np.isnan(column), math.nan, column)
    return np.ascontiguousarray(column).view(np.int64)


def to_hex(value: np.generic) -> str:
    return float(value).hex() if isinstance(value, np.floating) else str(value)


if __name__ == "__main__":
    main()
