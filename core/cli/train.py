"""Commands that train: `train`, `resume`, `follow`. The training itself is a process of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from core.cli.data import tell_suspects
from core.cli.fetch import fetch_missing
from core.cli.find import find_runs
from core.cli.follow import LIVE_STATES, Interrupts, watch_runs
from core.cli.output import FAILED, FINISHED, CommandError, say
from core.cli.results import exit_code_of, print_results
from core.cli.source import (
    Detach,
    DetachOrFollow,
    Download,
    OnPlace,
    PresetName,
    RunIds,
    Settings,
    SpecFile,
    read_spec,
)
from core.runs.store import open_run
from core.spec import RunSpec
from core.spec.parse import parse_spec
from core.system.errors import LabError


def train_run(
    file: SpecFile = None,
    preset: PresetName = None,
    settings: Settings = None,
    device: Annotated[
        str | None, typer.Option("--device", help="auto, cpu, mps, cuda or cuda:N.", show_default=False)
    ] = None,
    name: Annotated[str, typer.Option("--name", "-n", help="What the run is called.", show_default=False)] = "",
    tags: Annotated[
        list[str] | None, typer.Option("--tag", "-t", help="A tag of the run. Repeatable.", show_default=False)
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", min=1, max=100, help="Runs with this many seeds, counted up.")] = 1,
    on: OnPlace = "here",
    detach: Detach = False,
    download: Download = False,
) -> None:
    """Trains a network: prints the run's id, then its progress, then its results.

    The exit code is 0 if the run finished, 1 if it failed, 2 for bad input, 3 if it was stopped or interrupted.
    Ctrl+C stops the run with a checkpoint; closing the terminal lets it go on.
    """
    from core.launch.launcher import start_run, start_seeds
    from core.runs.records import About

    chosen = [f"train.device={device}"] if device is not None else []
    spec = read_spec(file, preset, [*(settings or []), *chosen], needs_source=True)
    _check_start(spec, seeds, on, download=download)
    about = About(name=name, tags=tuple(tags or ()))
    with Interrupts() as interrupts:
        ids = start_seeds(spec, seeds, about, on=on) if seeds > 1 else [start_run(spec, about, on=on)]
        for run_id in ids:
            print(run_id, flush=True)
        if detach:
            say(f"The training goes on in the background. Follow it with: python -m core follow {' '.join(ids)}")
            return
        follow_to_end(ids, interrupts, stops=True)


def _check_start(spec: RunSpec, seeds: int, on: str, *, download: bool) -> None:
    """Reports what would make every worker fail before a run is created."""
    from core.data.catalogue import check_ready
    from core.launch.launcher import require_place
    from core.machine.devices import list_device_ids
    from core.machine.queue import suits
    from core.spec.cost import cost_of
    from core.spec.keeping import tell_keeping

    if seeds > 1:
        last = spec.train.seed + seeds - 1
        parse_spec({**spec.model_dump(mode="json"), "train": {**spec.train.model_dump(mode="json"), "seed": last}})
    devices = list_device_ids()
    if on == "cluster":
        require_place(spec)
    elif not any(suits(spec.train.device, device, devices) for device in devices):
        raise CommandError(f'train.device = "{spec.train.device}": this machine has {", ".join(devices)}')
    if download:
        fetch_missing(spec.data)
    check_ready(spec.data)
    tell_suspects(spec.data)
    if rule := tell_keeping(spec, cost_of(spec)):
        say(rule)


def resume_runs(run_ids: RunIds, detach: DetachOrFollow = True) -> None:
    """Continues stopped, failed or interrupted runs, exactly where they were."""
    from core.launch.launcher import resume_run

    runs = find_runs(run_ids)
    with Interrupts() as interrupts:
        for run in runs:
            try:
                resume_run(run.id)
            except LabError as error:
                raise CommandError(f"{run.id}: {error}", FAILED) from None
            print(run.id, flush=True)
        if detach:
            say("Training goes on in the background.")
            return
        follow_to_end([run.id for run in runs], interrupts, stops=True)


def follow_runs(run_ids: RunIds) -> None:
    """Shows the progress of runs until they end; Ctrl+C leaves them training."""
    with Interrupts() as interrupts:
        follow_to_end([run.id for run in find_runs(run_ids)], interrupts, stops=False)


def follow_to_end(run_ids: Sequence[str], interrupts: Interrupts, *, stops: bool) -> None:
    runs = [open_run(run_id) for run_id in run_ids]
    states = watch_runs(runs, interrupts, stops=stops)
    print_results(runs, states)
    left = not stops and any(state in LIVE_STATES for state in states.values())
    if (code := exit_code_of(states)) != FINISHED and not left:
        raise typer.Exit(code)
