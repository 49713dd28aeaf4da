"""Commands about studies: `study`, `studies`, `study-stop`, `-resume`, `-test`. The search runs in the background."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn

from core.cli.output import FAILED, STOPPED, CommandError, make_console, print_facts, print_json, print_table, say
from core.cli.source import AsJson, name_file, read_file
from core.cli.train import follow_runs
from core.spec.fields import format_value
from core.spec.parse import SpecError
from core.spec.settings import apply_settings
from core.text.formats import UNKNOWN, format_moment, format_seconds
from core.text.safe import plain

if TYPE_CHECKING:
    from core.cli.follow import Interrupts
    from core.studies.spec import StudySpec
    from core.studies.study import Study, StudySummary

POLL_SECONDS = 0.5

StudyName = Annotated[str, typer.Argument(metavar="NAME", help="The name of a study.")]
StudyFile = Annotated[
    Path | None,
    typer.Argument(metavar="STUDY.json", help="A study as JSON; - reads standard input.", show_default=False),
]
Workers = Annotated[
    int | None, typer.Option("--workers", "-w", min=1, max=64, help="Processes that search.", show_default=False)
]
Detach = Annotated[bool, typer.Option("--detach", "-d", help="Returns at once; the search goes on.")]


def search(
    file: StudyFile = None,
    preset: Annotated[
        str | None, typer.Option("--preset", "-p", metavar="NAME", help="A named study: report, first-look.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            "-s",
            metavar="FIELD=VALUE",
            help="Changes the study (trials=5, sampler=random) or its base (train.epochs=3). Repeatable.",
            show_default=False,
        ),
    ] = None,
    workers: Workers = None,
    name: Annotated[str, typer.Option("--name", "-n", help="What the study is called.", show_default=False)] = "",
    detach: Detach = False,
    download: Annotated[bool, typer.Option("--download", help="Fetches the data set first if need be.")] = False,
) -> None:
    """Searches a space of networks and trainings: prints the study's name, then its trials, then the best.

    The exit code is 0 where the study finished, 1 where its workers gave up, 2 for bad input, 3 where it was paused.
    Ctrl+C pauses it after the trials that train, a second one at once; closing the terminal lets it go on.
    """
    from core.cli.follow import Interrupts
    from core.studies.manage import check_start, create_study, start_workers

    spec = _read_study(file, preset, [*(settings or []), *([f"workers={workers}"] if workers else [])])
    if download:
        _fetch(spec)
    check_start(spec)
    name = name or _free_name(preset or (file.stem if file and str(file) != "-" else "study"))
    create_study(name, spec)
    with Interrupts() as interrupts:
        start_workers(name, spec.workers)
        print(plain(name), flush=True)
        _watch(name, interrupts, detach=detach)


def list_all(as_json: AsJson = False) -> None:
    """Lists the studies, the newest first."""
    from core.studies.study import list_studies

    found = list_studies()
    if as_json:
        print_json(found)
        return
    columns = ("name", "state", "trials", "pruned", "failed", "infeasible", "best", "workers", "made", "reason")
    rows = [
        (
            study.name,
            study.state,
            f"{study.done + study.pruned + study.failed}{f' of {study.total}' if study.total else ''}",
            study.pruned,
            study.failed,
            study.infeasible,
            UNKNOWN if study.best_value is None else f"{study.objectives[0]} {study.best_value:.4f}",
            study.workers_alive,
            format_moment(study.created),
            study.reason,
        )
        for study in found
    ]
    print_table(columns, rows, right=("trials", "pruned", "failed", "infeasible", "workers"))


def stop(
    name: StudyName,
    now: Annotated[bool, typer.Option("--now", help="At once; the trials that train go on after a resume.")] = False,
) -> None:
    """Pauses a study after the trials that train, or at once."""
    from core.studies.manage import stop_study
    from core.studies.study import open_study

    if not open_study(name).summary().workers_alive:
        say("No worker searches; the study is paused or done.")
        return
    stop_study(name, now=now)
    say("The study stops." if now else "The study pauses after the trials that train.")


def resume(
    name: StudyName,
    workers: Workers = None,
    trials: Annotated[
        int | None, typer.Option("--trials", min=1, help="So many trials in all.", show_default=False)
    ] = None,
    minutes: Annotated[
        float | None, typer.Option("--minutes", min=0.01, help="So many minutes in all.", show_default=False)
    ] = None,
    detach: Annotated[bool, typer.Option("--detach/--follow", "-d/-f", help="Return at once, or follow.")] = True,
) -> None:
    """Goes on with a paused study, or with a finished one that may now take more trials or time."""
    from core.cli.follow import Interrupts
    from core.studies.manage import extend_study, start_workers

    if trials is not None or minutes is not None:
        extend_study(name, trials=trials, minutes=minutes)
    with Interrupts() as interrupts:
        start_workers(name, workers)
        print(plain(name), flush=True)
        _watch(name, interrupts, detach=detach)


def measure(name: StudyName) -> None:
    """Tests the best trial of a study, or those of its Pareto front, and prints their figures.

    No trial looks at the test images while the study searches: validation chooses, and only what it chose is tested,
    once. Run it again to see the figures again.
    """
    from core.studies.best import measure_best

    follow_runs([trial.run.id for trial in measure_best(name) if trial.run])


def _read_study(file: Path | None, preset: str | None, settings: list[str]) -> StudySpec:
    """The checked study that the options name. Raises CommandError, SpecError."""
    from core.studies.spec import STUDY_PRESETS, StudySpec, parse_study

    if (file is None) == (preset is None):
        raise CommandError("Name either a study file or a preset: STUDY.json or --preset NAME.")
    if preset is not None and preset not in STUDY_PRESETS:
        raise CommandError(f"There is no study preset {preset!r}; there are {', '.join(STUDY_PRESETS)}.")
    try:
        data = read_file(file) if file is not None else STUDY_PRESETS[str(preset)].model_dump(mode="json")
        own = [setting for setting in settings if setting.partition("=")[0].strip() in StudySpec.model_fields]
        data |= dict(_read_setting(setting) for setting in own)
        rest = [setting for setting in settings if setting not in own]
        if rest:
            data["base"] = apply_settings(data.get("base", {}), rest)
        return parse_study(data)
    except SpecError as error:
        raise name_file(error, file) from None


def _read_setting(setting: str) -> tuple[str, Any]:
    """`trials=5`, `objectives=val/accuracy,parameters`: a field of the study and its value."""
    import json

    field, _, text = setting.partition("=")
    try:
        value: Any = json.loads(text)
    except ValueError:
        value = text.strip()
    if field.strip() == "objectives" and isinstance(value, str):
        value = [part.strip() for part in value.split(",")]
    return field.strip(), value


def _fetch(spec: StudySpec) -> None:
    from core.cli.fetch import fetch
    from core.data.catalogue import is_ready

    if not is_ready(spec.base.data) and spec.base.data.dataset != "folder":
        fetch(spec.base.data.dataset)


def _free_name(wanted: str) -> str:
    """The name, or the name with the first number that is free."""
    from core.studies.manage import MAX_NAME
    from core.studies.study import list_studies

    taken = {study.name for study in list_studies()}
    wanted = wanted[: MAX_NAME - 4]
    number = 1
    while (name := wanted if number == 1 else f"{wanted} {number}") in taken:
        number += 1
    return name


def _watch(name: str, interrupts: Interrupts, *, detach: bool) -> None:
    """Shows a study's trials until it ends, then its best; raises typer.Exit with what became of it."""
    from core.studies.study import open_study

    if detach:
        say("The search goes on in the background. Its trials are on the Studies page and in `python -m core studies`.")
        return
    study = open_study(name)
    summary = _follow(study, interrupts)
    _print_best(study)
    if summary.state != "finished":
        say(summary.reason or "The study is paused. Go on with: python -m core study-resume NAME")
        raise typer.Exit(FAILED if summary.reason else STOPPED)
    say(summary.reason)


def _follow(study: Study, interrupts: Interrupts) -> StudySummary:
    from core.studies.manage import stop_study

    console = make_console()
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        TextColumn("{task.fields[facts]}", markup=False),
    )
    shown: set[int] = set()
    handled, begun = 0, time.monotonic()
    with Progress(*columns, console=console, expand=True, disable=not console.is_terminal) as bars:
        task = bars.add_task(plain(study.name), total=None, facts="")
        while True:
            # The summary first: what is read after it can only be newer, so no trial is missed.
            summary = study.summary()
            for line in _new_lines(study, shown):
                bars.console.print(line, soft_wrap=True)
            done = summary.done + summary.pruned + summary.failed
            bars.update(task, completed=done, total=summary.total or None, facts=_facts(summary, begun))
            if not summary.workers_alive:
                return summary
            if interrupts.pressed > handled:
                handled = interrupts.pressed
                stop_study(study.name, now=handled > 1)
                bars.console.print(
                    "Pausing after the trials that train. Ctrl+C again stops them too." if handled == 1 else "Stopping."
                )
            time.sleep(POLL_SECONDS)


def _facts(summary: StudySummary, begun: float) -> str:
    facts = [f"{summary.done + summary.pruned + summary.failed}{f'/{summary.total}' if summary.total else ''} trials"]
    facts += [f"{count} {word}" for word in ("pruned", "failed", "infeasible") if (count := getattr(summary, word))]
    if summary.best_value is not None:
        facts.append(f"best {summary.objectives[0]} {summary.best_value:.4f}")
    return "  ".join([*facts, format_seconds(time.monotonic() - begun)])


def _new_lines(study: Study, shown: set[int]) -> Iterator[str]:
    """One line for each trial that has ended since the last look."""
    for trial in study.trials().to_dict("records"):
        if trial["number"] in shown or trial["state"] in ("waiting", "running", "interrupted"):
            continue
        shown.add(trial["number"])
        if trial["state"] in ("retried", "void"):
            continue
        figures = [f"{name} {value:.6g}" for name, value in zip(study.spec.objectives, trial["values"], strict=False)]
        parts = [f"trial {trial['number']}", trial["state"], *figures, trial["run_id"], trial["reason"]]
        yield plain("  ".join(part for part in parts if part))


def _print_best(study: Study) -> None:
    """The best trial's figures and values, or those that no other is better than in every way; and what was learnt."""
    best = study.optuna().best_trials if study.summary().done else []
    for trial in best[:10]:
        print()
        figures = zip(study.spec.objectives, trial.values, strict=True)
        print_facts(
            [
                ("best trial", trial.number),
                *[(name, f"{value:.6g}") for name, value in figures],
                *[(path, format_value(value)) for path, value in trial.params.items()],
                ("run", trial.user_attrs.get("run_id")),
            ]
        )
    for sentence in study.words():
        say(sentence)
    if best:
        command = f"python -m core study-test {shlex.quote(study.name)}"
        say(f"No trial has looked at the test images. Test the best with: {command}")
