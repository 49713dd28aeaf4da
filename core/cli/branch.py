"""The command `branch`: a run that goes on from a kept checkpoint of another, with other settings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from core.cli.find import find_run
from core.cli.follow import Interrupts
from core.cli.output import CommandError, say
from core.cli.source import Detach, OnPlace, RunId, Settings
from core.cli.train import follow_to_end
from core.spec import RunSpec
from core.spec.parse import SpecError, parse_spec
from core.spec.settings import apply_settings

if TYPE_CHECKING:
    from core.launch.branches import Fork

OTHER_IMAGES = "With --weights it begins a training of its own with the weights alone, also on other images."


def branch_run(
    run_id: RunId,
    epoch: Annotated[
        int | None,
        typer.Option("--epoch", "-e", min=1, help="After which epoch; the newest kept one.", show_default=False),
    ] = None,
    settings: Settings = None,
    weights: Annotated[
        bool,
        typer.Option(
            "--weights", help="Takes the weights alone, also to other images: a training from its first epoch on."
        ),
    ] = False,
    name: Annotated[str, typer.Option("--name", "-n", help="What the branch is called.", show_default=False)] = "",
    tags: Annotated[
        list[str] | None, typer.Option("--tag", "-t", help="A tag of the branch. Repeatable.", show_default=False)
    ] = None,
    on: OnPlace = "here",
    detach: Detach = False,
) -> None:
    """Goes on from a checkpoint of a run with other settings: prints the new run's id, then as `train`.

    Any field may change that leaves the weights' shapes and the images alone. Without --set the branch is what the run
    itself would have been; of a finished run `--set train.epochs=N` trains it longer.
    """
    from core.data.catalogue import check_ready
    from core.launch.branches import find_fork, start_branch, tell_fork
    from core.runs.records import About

    fork = find_fork(find_run(run_id).id, epoch, "weights" if weights else "line")
    spec = parse_spec(apply_settings(fork.run.spec.model_dump(mode="json"), settings or []))
    _check(fork, spec)
    check_ready(spec.data)
    with Interrupts() as interrupts:
        branch = start_branch(fork, spec, About(name=name, tags=tuple(tags or ())), on=on)
        print(branch, flush=True)
        for sentence in tell_fork(fork, spec):
            say(sentence)
        if detach:
            say(f"The training goes on in the background. Follow it with: python -m core follow {branch}")
            return
        follow_to_end([branch], interrupts, stops=True)


def _check(fork: Fork, spec: RunSpec) -> None:
    """Raises SpecError; CommandError where the same images are all that is missing, which --weights does without."""
    from core.launch.branches import list_problems

    problems = list_problems(fork, spec)
    if not problems:
        return
    error = SpecError(problems)
    still = {problem.path for problem in list_problems(replace(fork, use="weights"), spec)}
    if any(problem.path.startswith("data.") and problem.path not in still for problem in problems):
        raise CommandError(f"{error}\n{OTHER_IMAGES}")
    raise error
