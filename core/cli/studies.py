"""Commands about studies: `study`, `studies`, `study-stop`, `-resume`, `-test`. The search runs in the background."""

from __future__ import annotations

import itertools
import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.cli.data import tell_suspects
from core.cli.fetch import fetch_missing
from core.cli.follow import Interrupts, make_bars
from core.cli.output import (
    FAILED,
    STOPPED,
    CommandError,
    confirm,
    make_console,
    print_facts,
    print_json,
    print_table,
    say,
)
from core.cli.source import AsJson, Detach, DetachOrFollow, Download, OnPlace, Yes, name_file, read_file
from core.cli.train import follow_runs
from core.spec.fields import format_value
from core.spec.parse import SpecError
from core.spec.settings import apply_settings
from core.text.formats import UNKNOWN, format_moment, format_seconds
from core.text.safe import plain

if TYPE_CHECKING:
    from core.studies.spec import StudySpec
    from core.studies.study import Study, StudySummary

POLL_SECONDS = 0.5
# States of trials that have no result, or not yet.
_NOT_ENDED = ("waiting", "queued", "running", "interrupted", "retried", "void")

StudyName = Annotated[str, typer.Argument(metavar="NAME", help="The name of a study.")]
StudyFile = Annotated[
    Path | None,
    typer.Argument(metavar="STUDY.json", help="A study as JSON; - reads standard input.", show_default=False),
]
Workers = Annotated[
    int | None, typer.Option("--workers", "-w", min=1, max=64, help="Processes that search.", show_default=False)
]


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
    on: OnPlace = "here",
    detach: Detach = False,
    download: Download = False,
    yes: Yes = False,
) -> None:
    """Searches a space of networks and trainings: prints the study's name, then its trials, then the best.

    The exit code is 0 if the study finished, 1 if its workers gave up, 2 for bad input, 3 if it was paused.
    Ctrl+C pauses it after the trials that train, a second one at once; closing the terminal lets it go on.
    """
    from core.studies.manage import check_start, create_study
    from core.studies.pruners import tell_pruner

    spec = _read_study(file, preset, [*(settings or []), *([f"workers={workers}"] if workers else [])])
    if download:
        fetch_missing(spec.base.data)
    check_start(spec, on)
    tell_suspects(spec.base.data)
    _ask_whether_fitting(spec, yes)
    if pruner := tell_pruner(spec):
        say(pruner)
    name = name or _free_name(preset or (file.stem if file and str(file) != "-" else "study"))
    create_study(name, spec)
    _start(name, None, on, detach=detach)


def list_all(as_json: AsJson = False) -> None:
    """Lists the studies, the newest first."""
    from core.studies.study import list_studies

    found = list_studies()
    if as_json:
        print_json(found)
        return
    if not found:
        say("There are no studies here yet.")
        return
    columns = ("name", "state", "trials", "pruned", "failed", "infeasible", "best", "workers", "made", "reason")
    rows = [
        (
            study.name,
            study.state,
            f"{_count(study)}{f' of {study.total}' if study.total else ''}",
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
    numbers = ("trials", "pruned", "failed", "infeasible", "workers")
    spare = ("made", "workers", "infeasible", "failed", "pruned", "reason", "best", "trials", "state")
    print_table(columns, rows, right=numbers, whole=("name",), spare=spare)


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
    detach: DetachOrFollow = True,
    yes: Yes = False,
) -> None:
    """Continues a paused study, or a finished one that may now take more trials or time."""
    from core.studies.manage import extend_study
    from core.studies.study import open_study

    study = open_study(name)
    if not study.frozen_trials():
        _ask_whether_fitting(study.spec, yes)
    if trials is not None or minutes is not None:
        extend_study(name, trials=trials, minutes=minutes)
    _start(name, workers, detach=detach)


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
        fitted = _has_fitting_warmup(data)
        own = [setting for setting in settings if setting.partition("=")[0].strip() in StudySpec.model_fields]
        if fitted:
            data.pop("pruner_warmup_epochs", None)  # goes on to fit, unless it is set
        data |= dict(_read_setting(setting) for setting in own)
        rest = [setting for setting in settings if setting not in own]
        if rest and isinstance(base := data.get("base", {}), dict):  # else the check says that it is no spec
            data["base"] = apply_settings(base, rest)
        return parse_study(data)
    except SpecError as error:
        raise name_file(error, file) from None


def _has_fitting_warmup(data: dict[str, Any]) -> bool:
    """Whether the pruner's warm-up is what fits the study as it was read, so that nobody chose it."""
    from core.studies.spec import parse_study

    try:
        without = {key: value for key, value in data.items() if key != "pruner_warmup_epochs"}
        return parse_study(without).pruner_warmup_epochs == data.get("pruner_warmup_epochs")
    except SpecError:
        return False  # told by the check of the whole


def _ask_whether_fitting(spec: StudySpec, yes: bool) -> None:
    """Asks before a search in which every network is over the budget. Raises CommandError."""
    from core.studies.spec import why_nothing_fits

    if reason := why_nothing_fits(spec):
        say(reason)
        confirm("Start it all the same?", yes, "Nothing was started")


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


def _free_name(wanted: str) -> str:
    """The name, or the name with the first number that is free."""
    from core.studies.manage import MAX_NAME
    from core.studies.study import list_studies

    taken = {study.name for study in list_studies()}
    wanted = wanted[: MAX_NAME - 4]
    names = itertools.chain([wanted], (f"{wanted} {number}" for number in itertools.count(2)))
    return next(name for name in names if name not in taken)


def _start(name: str, workers: int | None, on: str | None = None, *, detach: bool) -> None:
    """Starts workers, shows the trials until the study ends, then its best; raises typer.Exit unless it finished."""
    from core.studies.manage import start_workers
    from core.studies.study import open_study

    with Interrupts() as interrupts:
        start_workers(name, workers, on)
        print(plain(name), flush=True)
        if detach:
            say("The search goes on in the background. Follow it on the Studies page or with `python -m core studies`.")
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

    shown: set[int] = set()
    handled, begun = 0, time.monotonic()
    with make_bars(make_console()) as bars:
        task = bars.add_task(plain(study.name), total=None, facts="")
        while True:
            # The summary first: what is read after it can only be newer, so no trial is missed.
            summary = study.summary()
            for line in _new_lines(study, shown):
                bars.console.print(line, soft_wrap=True)
            bars.update(task, completed=_count(summary), total=summary.total or None, facts=_facts(summary, begun))
            if not summary.workers_alive:
                return summary
            if interrupts.pressed > handled:
                handled = interrupts.pressed
                stop_study(study.name, now=handled > 1)
                bars.console.print(
                    "Pausing after the trials that train. Ctrl+C again stops them too." if handled == 1 else "Stopping."
                )
            time.sleep(POLL_SECONDS)


def _count(summary: StudySummary) -> int:
    """How many of the trials are over."""
    return summary.done + summary.pruned + summary.failed


def _facts(summary: StudySummary, begun: float) -> str:
    facts = [f"{_count(summary)}{f'/{summary.total}' if summary.total else ''} trials"]
    facts += [f"{count} {word}" for word in ("pruned", "failed", "infeasible") if (count := getattr(summary, word))]
    if summary.best_value is not None:
        facts.append(f"best {summary.objectives[0]} {summary.best_value:.4f}")
    return "  ".join([*facts, format_seconds(time.monotonic() - begun)])


def _new_lines(study: Study, shown: set[int]) -> Iterator[str]:
    """One line for each trial that has ended since the last look."""
    for trial in study.trials().to_dict("records"):
        if trial["number"] in shown or trial["state"] in _NOT_ENDED:
            continue
        shown.add(trial["number"])
        figures = [f"{name} {value:.6g}" for name, value in zip(study.spec.objectives, trial["values"], strict=False)]
        parts = [f"trial {trial['number']}", trial["state"], *figures, trial["run_id"], trial["reason"]]
        yield plain("  ".join(part for part in parts if part))


def _print_best(study: Study) -> None:
    """The best trial's figures and values, or those of the Pareto front; and what was learnt."""
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
    _print_tested(study)


def _print_tested(study: Study) -> None:
    """Which trials have looked at the test images, and how those that were chosen do."""
    from core.studies.best import list_best, list_tested, name_trials

    tested = list_tested(study.frozen_trials())
    untested = [trial for trial in list_best(study) if trial.is_untested]
    if tested:
        has = "has" if len(tested) == 1 else "have"
        say(f"{name_trials(tested).capitalize()} {has} looked at the test images.")
    elif untested:
        say("No trial has looked at the test images.")
    if untested:
        say(f"Test {name_trials(untested)} with: python -m core study-test {shlex.quote(study.name)}")
