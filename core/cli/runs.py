"""Commands about runs: `runs`, `show`, `stop`, `next`, `edit`, `delete`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from core.cli.find import find_run, find_runs
from core.cli.output import FAILED, CommandError, confirm, print_facts, print_json, print_table, say
from core.cli.source import AsJson, RunId, RunIds, Yes
from core.runs.branches import read_branch
from core.runs.families import list_branches, tell_branches, tell_parent
from core.runs.folder import Run
from core.runs.foreign import read_known
from core.runs.records import RunSummary
from core.spec.fields import format_value
from core.system.errors import LabError
from core.text.formats import UNKNOWN, format_bytes, format_moment, format_percent, format_seconds
from core.text.safe import plain

STATES = ("queued", "running", "finished", "failed", "stopped", "pruned", "interrupted", "damaged")


def list_all(
    state: Annotated[
        list[str] | None, typer.Option("--state", help="Only runs in this state. Repeatable.", show_default=False)
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option("--tag", "-t", help="Only runs with this tag. Repeatable.", show_default=False)
    ] = None,
    everything: Annotated[bool, typer.Option("--all", "-a", help="Archived runs too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Lists the runs, the newest first."""
    from core.runs.listing import list_runs

    if unknown := set(state or ()) - set(STATES):
        raise CommandError(f"There is no state {min(unknown)!r}; there are {', '.join(STATES)}.")
    runs = [
        run
        for run in list_runs()
        if (everything or not run.archived)
        and (not state or run.state in state)
        and all(wanted in run.tags for wanted in tag or ())
    ]
    if as_json:
        print_json([_tell(run) for run in runs])
        return
    columns = ("id", "state", "name", "data", "epoch", "best val", "test", "parameters", "time", "branch of", "tags")
    rows = [
        (
            run.id,
            run.state,
            run.name if run.name != run.id else "",
            run.dataset,
            f"{run.epoch}/{run.epochs}" if not run.tool else f"{run.epoch}",
            format_percent(run.best_val_accuracy),
            format_percent(run.test_accuracy),
            f"{run.parameters:,}" if not run.tool else UNKNOWN,
            format_seconds(run.seconds) if run.seconds or not run.tool else UNKNOWN,
            tell_parent(run),
            ", ".join(run.tags),
        )
        for run in runs
    ]
    if rows:
        print_table(
            columns,
            rows,
            right=("epoch", "best val", "test", "parameters", "time"),
            whole=("id", "state"),
            spare=("branch of", "tags", "time", "parameters", "data", "name", "epoch", "test", "best val"),
        )
    else:
        say("There are no runs here yet." if not (state or tag) else "No run matches.")


def _tell(run: RunSummary) -> dict[str, Any]:
    """A run for programs: what nobody knows of a damaged run or of another tool's is null, not 0."""
    told = asdict(run)
    if run.tool or run.state == "damaged":
        known = [path.rpartition(".")[2] for path in read_known(dict(run.configuration))]
        for name in ("parameters", "seconds", "learning_rate", "batch_size", "seed"):
            told[name] = told[name] or (0 if name in known else None)
    return told


def show_run(
    run_id: RunId,
    log: Annotated[int, typer.Option("--log", min=0, max=10_000, help="Lines of its output to print as well.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Shows one run: state, figures, what differs from the defaults, checkpoints."""
    run = find_run(run_id)
    summary = run.summary()
    try:
        spec: dict[str, Any] | None = run.spec.model_dump(mode="json")
    except LabError:
        spec = None
    if as_json:
        print_json(
            {
                **_tell(summary),
                "path": run.path,
                "note": run.about.note,
                "spec": spec,
                "environment": run.environment(),
                "progress": run.progress(),
                "end": run.end(),
                "branch": read_branch(run.path),
                "metrics": run.rows(),
                "checkpoints": run.checkpoints(),
                **({"log": run.log_tail(log)} if log else {}),
            }
        )
        return
    print_facts(_describe(run, summary))
    if spec is not None:
        print("\nWhat differs from the default spec, and the layers:")
        print_facts(_differences(run))
    if (record := run.foreign()) and record["configuration"]:
        print("\nIts configuration:")
        print_facts([(f"  {plain(key)}", plain(format_value(value))) for key, value in record["configuration"].items()])
    if log:
        print()
        print(plain(run.log_tail(log), keep="\n\t"))


def _describe(run: Run, summary: RunSummary) -> list[tuple[str, object]]:
    end, is_sound = run.results(), summary.state != "damaged"
    last, best = format_percent(summary.last_val_accuracy), format_percent(summary.best_val_accuracy)
    test, test_best = format_percent(end.get("test/accuracy")), format_percent(end.get("test/accuracy_best"))
    return [
        ("id", run.id),
        ("name", plain(summary.name)),
        ("state", summary.state),
        ("reason", summary.reason),
        ("remarks", " ".join(run.remarks())),
        ("stop requested", "yes" if summary.stop_requested else ""),
        ("created", format_moment(summary.created)),
        ("started by", summary.started_by),
        ("tags", plain(", ".join(summary.tags))),
        ("note", run.about.note),
        ("archived", "yes" if summary.archived else ""),
        ("from", summary.tool),
        ("doctor", "; ".join(summary.ailments) + (" (given up)" if summary.given_up else "")),
        ("branch of", f"{plain(tell_parent(summary))} ({summary.parent})" if summary.parent else ""),
        ("root's SHA-256", summary.parent_sha256),
        ("data", summary.dataset),
        ("device", summary.device),
        ("parameters", f"{summary.parameters:,}" if is_sound and not summary.tool else ""),
        ("epoch", f"{summary.epoch} of {summary.epochs}" if is_sound else ""),
        ("validation accuracy", f"{last}, best {best}"),
        ("test accuracy", f"last weights {test}, best on validation {test_best}" if "test/accuracy" in end else ""),
        ("time", format_seconds(summary.seconds) if is_sound and (summary.seconds or not summary.tool) else ""),
        ("checkpoints", ", ".join(f"{entry.name} ({format_bytes(entry.bytes)})" for entry in run.checkpoints())),
        ("folder", run.path),
    ]


def _differences(run: Run) -> list[tuple[str, object]]:
    """The fields in which the run differs from the default spec, and all of its layers."""
    from core.spec import RunSpec
    from core.spec.fields import flatten

    default = flatten(RunSpec())
    return [
        (f"  {path}", format_value(value))
        for path, value in flatten(run.spec).items()
        if value != default.get(path) or path.startswith("model.layers")
    ]


def stop_runs(
    run_ids: RunIds,
    now: Annotated[bool, typer.Option("--now", help="Ends it at once, without a last checkpoint.")] = False,
) -> None:
    """Asks runs to stop after their current step, with a checkpoint to resume from."""
    from core.launch.launcher import kill_run, request_stop

    refused = False
    for run in find_runs(run_ids):
        asked = request_stop(run.id)
        if now:
            asked = kill_run(run.id) or asked
        refused |= not asked
        said = ("ended" if now else "asked to stop") if asked else f"is {run.state()}: there is nothing to stop"
        say(f"{run.id} {said}.")
    if refused:
        raise typer.Exit(FAILED)


def run_first(run_id: RunId) -> None:
    """Moves a waiting run to the head of the queue."""
    from core.launch.launcher import run_next

    run = find_run(run_id)
    if not run_next(run.id):
        raise CommandError(f"{run.id} is {run.state()}: it does not wait in the queue.", FAILED)
    say(f"{run.id} is next.")


def edit_run(
    run_id: RunId,
    name: Annotated[str | None, typer.Option("--name", "-n", help="Its new name.", show_default=False)] = None,
    tags: Annotated[
        list[str] | None, typer.Option("--tag", "-t", help="Its new tags; '' for none. Repeatable.", show_default=False)
    ] = None,
    note: Annotated[str | None, typer.Option("--note", help="Its new note.", show_default=False)] = None,
    colour: Annotated[
        str | None, typer.Option("--colour", help="Its colour as #rrggbb; '' for its own.", show_default=False)
    ] = None,
    archived: Annotated[
        bool | None, typer.Option("--archive/--no-archive", help="Out of the list, or back.", show_default=False)
    ] = None,
) -> None:
    """Renames, tags, annotates, colours or archives a run."""
    wanted = {"name": name, "tags": tags, "note": note, "colour": colour, "archived": archived}
    changes = {field: value for field, value in wanted.items() if value is not None}
    if not changes:
        raise CommandError("Name what to change: --name, --tag, --note, --colour or --archive.")
    find_run(run_id).update_about(**changes)


def delete_runs(run_ids: RunIds, yes: Yes = False) -> None:
    """Deletes runs with all their files; one that trains is stopped first."""
    from core.launch.launcher import delete_run
    from core.runs.listing import list_runs

    runs = find_runs(run_ids)
    if branches := tell_branches(list_branches({run.id for run in runs}, list_runs())):
        say(plain(branches))
    confirm(f"Delete {', '.join(run.id for run in runs)} with all files?", yes)
    for run in runs:
        try:
            delete_run(run.id)
        except LabError as error:
            raise CommandError(f"{run.id}: {error}", FAILED) from None
        say(f"{run.id} is deleted.")
