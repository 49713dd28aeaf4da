"""`predict`: what trained networks say of images that somebody brings, as a table or as a file to hand in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from core.cli.find import find_run, find_runs
from core.cli.follow import POLL_SECONDS, make_bars
from core.cli.output import FAILED, CommandError, make_console, print_json, print_table, say
from core.cli.source import AsJson, RunId
from core.runs.records import WeightsName
from core.system.errors import LabError
from core.text.formats import format_percent

if TYPE_CHECKING:
    from core.data.own_images import Brought
    from core.examine.answers import Answer, HandIn, Threshold
    from core.examine.predicting import OwnPrediction
    from core.examine.weights import Weights
    from core.helper.questions import Member
    from core.runs.folder import Run

SHOWN = 20
_HAND_IN = "File to hand in"


def predict_images(
    run_id: RunId,
    source: Annotated[
        Path, typer.Argument(metavar="IMAGES", help="A folder, a zip, a .npy or .npz file, or an image.")
    ],
    others: Annotated[
        list[str] | None,
        typer.Option("--with", "-w", metavar="ID", help="Another run: all answer by their mean. Repeatable."),
    ] = None,
    checkpoint: Annotated[
        WeightsName, typer.Option("--checkpoint", "-c", help="Best on validation, or the last.")
    ] = "best",
    array: Annotated[str, typer.Option("--array", metavar="NAME", help="Which array of an .npz file.")] = "",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE.csv", help="Writes a CSV.", show_default=False)
    ] = None,
    columns: Annotated[
        str, typer.Option(metavar="ID,LABEL", help="Names of its two columns.", rich_help_panel=_HAND_IN)
    ] = "",
    ids: Annotated[
        Literal["name", "stem", "number"],
        typer.Option(
            help="An image's path, its file name without the suffix, or its number from 0.", rich_help_panel=_HAND_IN
        ),
    ] = "name",
    labels: Annotated[
        Literal["name", "index"],
        typer.Option(
            help="Classes by name, or by index: the number in the file that the set was brought as, or that class "
            "folders are named by, else its place among them from 0.",
            rich_help_panel=_HAND_IN,
        ),
    ] = "name",
    order: Annotated[
        Path | None,
        typer.Option(
            metavar="SAMPLE.csv",
            help="Its first column gives the ids and their order.",
            rich_help_panel=_HAND_IN,
            show_default=False,
        ),
    ] = None,
    exact: Annotated[
        bool,
        typer.Option(
            "--exact",
            help="Writes names as they are; without it, one that begins with =, +, - or @ gets an apostrophe in front, "
            "so that no spreadsheet runs it as a formula.",
            rich_help_panel=_HAND_IN,
        ),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Writes over a file that is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Predicts your own images: the class, its probability and the second guess of each, the least certain first.

    With --columns the CSV holds two columns, to hand in: an id and a class. Where each image lies in a folder named as
    one of the classes, the accuracy is told as well. Images that are further from the training's than 95 % of the
    validation images, by the features of the last layer, are marked as unusual.
    """
    from core.data.own_images import Brought, open_images
    from core.examine import answers

    hand_in = _read_hand_in(columns, ids, labels, order, exact)
    if output and output.exists() and not force:
        raise CommandError(f"{output} is there already; --force writes over it.")
    if hand_in and not output:
        options = "--columns, --ids, --labels, --order and --exact"
        raise CommandError(f"{options} say how a file is written: name it with --output.")
    runs = list({run.id: run for run in [find_run(run_id), *find_runs(others or [])]}.values())
    classes = answers.require_same_classes(runs)
    if hand_in and hand_in.labels == "index":
        hand_in = replace(hand_in, numbers=tuple(answers.find_numbers(runs)))
    asked = [answers.make_member(run, checkpoint) for run in runs]
    if any(weights.key != checkpoint for run, (_, weights) in zip(runs, asked, strict=True) if run.has_validation):
        raise CommandError(f"Not every run has {checkpoint} weights.")
    brought = Brought(str(source.absolute()), array)
    names = open_images(brought).names
    found = _predict([member for member, _ in asked], brought)
    threshold, why = _find_threshold(runs, asked)
    told = answers.tell_answers(names, found.result(), threshold)
    given = answers.find_labels(names, classes)
    accuracy = None if given is None else answers.measure(told, given)
    if output:
        text = answers.write_hand_in(told, classes, hand_in) if hand_in else _write_table(told, classes, threshold)
        _write(output, text)
    if as_json:
        print_json(
            {
                "runs": [run.id for run in runs],
                "checkpoint": checkpoint,
                "classes": classes,
                "accuracy": accuracy,
                "threshold": threshold,
                "images": told,
                "output": output,
            }
        )
    elif output:
        print(output)
    else:
        _print(told, classes)
    notes = answers.explain_hand_in(told, classes, hand_in, "--exact") if hand_in else []
    for sentence in [*answers.summarize(told, given, threshold), *([why] if why else []), *notes]:
        say(sentence)


def _write_table(told: list[Answer], classes: list[str], threshold: Threshold | None) -> str:
    from core.examine.answers import write_table

    return write_table(told, classes, threshold.method if threshold else "energy")


def _read_hand_in(columns: str, ids: str, labels: str, order: Path | None, exact: bool) -> HandIn | None:
    """None where none of the options asks for a file to hand in."""
    from core.examine.answers import HandIn, read_order

    if not columns and ids == "name" and labels == "name" and order is None and not exact:
        return None
    named = tuple(part.strip() for part in columns.split(",")) if columns else HandIn.columns
    if len(named) != 2 or not all(named):
        raise CommandError(f"--columns {columns!r}: two names with a comma between them, such as ID,Label.")
    wanted: tuple[str, ...] = ()
    if order is not None:
        try:
            wanted = read_order(order.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(
                f"{order} cannot be read: {getattr(error, 'strerror', None) or 'no text in UTF-8'}."
            ) from None
    return HandIn((named[0], named[1]), ids, labels, wanted, exact=exact)  # type: ignore[arg-type]  # typer has checked them


def _predict(members: Sequence[Member], brought: Brought) -> OwnPrediction:
    """All of them, with a bar on a terminal. Raises QuestionError."""
    from core.examine.predicting import OwnPrediction

    prediction = OwnPrediction(members, brought, all_cores=True)
    with make_bars(make_console(stderr=True)) as bars:
        bar = bars.add_task("Predicting", total=None, facts="")
        while not prediction.wait(POLL_SECONDS):
            facts = f"{prediction.done:,} of {prediction.total:,} images" if prediction.total else ""
            bars.update(bar, completed=prediction.done, total=prediction.total or None, facts=facts)
    return prediction


def _find_threshold(runs: Sequence[Run], asked: Sequence[tuple[Member, Weights]]) -> tuple[Threshold | None, str]:
    """Where images become unusual, or why nobody knows: by distances, or by energy where there are none."""
    from core.cli.evaluate import predict_validation
    from core.examine.answers import explain_unmarked, find_threshold, measure_energy
    from core.examine.predicting import ask_validation

    if why := explain_unmarked(runs):
        return None, why
    try:
        distances = ask_validation([member for member, _ in asked]).result()
        if distances is not None:
            return find_threshold("distance", distances), ""
        found = [predict_validation(run, weights)[0] for run, (_, weights) in zip(runs, asked, strict=True)]
    except LabError as error:
        return None, f"Unusual images are not marked: {error}"
    return find_threshold("energy", measure_energy(found)), ""


def _write(output: Path, text: str) -> None:
    try:
        output.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise CommandError(f"{output} could not be written: {error.strerror}.", FAILED) from None


def _print(told: list[Answer], classes: list[str]) -> None:
    from core.examine.answers import sort_by_doubt

    rows = [
        (answer.name, "cannot be read", "", "", "", answer.fault)
        if answer.fault
        else (
            answer.name,
            classes[answer.guess],
            format_percent(answer.probability, 1),
            classes[answer.second],
            format_percent(answer.second_probability, 1),
            "unusual" if answer.is_unusual else "",
        )
        for answer in sort_by_doubt(told)[:SHOWN]
    ]
    print_table(("image", "class", "probability", "second guess", "its probability", "note"), rows)
    if len(told) > SHOWN:
        say(f"The {SHOWN} least certain of {len(told):,}; --output FILE.csv writes all.")
