"""Commands about data sets and devices: `data list`, `folder`, `check`, `download` and `delete`, and `devices`."""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.cli.fetch import fetch
from core.cli.output import FAILED, CommandError, confirm, print_facts, print_json, print_table, say
from core.cli.source import AsJson, Settings, Yes
from core.data.store import DataError
from core.spec.fields import field_at
from core.spec.parse import parse_spec, read_number
from core.spec.settings import apply_settings
from core.text.formats import UNKNOWN, format_bytes
from core.text.safe import plain

if TYPE_CHECKING:
    from core.data.catalogue import DatasetStatus
    from core.data.downloads import DownloadProgress
    from core.spec import DataSpec

PART_TITLES = {"train": "Training images", "val": "Validation images", "test": "Test images"}
DataName = Annotated[str, typer.Argument(metavar="NAME", help="One that `data list` names.")]

app = typer.Typer(help="Lists, checks, fetches and deletes data sets.", invoke_without_command=True)


@app.callback()
def data(ctx: typer.Context, as_json: AsJson = False) -> None:
    if ctx.invoked_subcommand is None:
        list_data(as_json)


@app.command("list")
def list_data(as_json: AsJson = False) -> None:
    """Lists the data sets: how many images, whether they are on this machine, and where."""
    from core.data.catalogue import list_datasets
    from core.data.downloads import read_download

    found = [(status, read_download(status.name) if status.download_bytes else None) for status in list_datasets()]
    if as_json:
        print_json([{**asdict(status), "download": progress} for status, progress in found])
        return
    columns = ("name", "title", "training", "test", "classes", "here", "size", "folder")
    rows = [
        (
            status.name,
            status.title,
            f"{status.num_train:,}",
            f"{status.num_test:,}" if status.num_test else UNKNOWN,
            status.num_classes,
            _presence(status, progress),
            format_bytes(status.bytes_on_disk or status.download_bytes) if status.download_bytes else UNKNOWN,
            status.path or UNKNOWN,
        )
        for status, progress in found
    ]
    print_table(columns, rows, right=("training", "test", "classes", "size"), whole=("name",))


def _presence(status: DatasetStatus, progress: DownloadProgress | None) -> str:
    if status.present:
        return "yes"
    if progress and progress.state == "running":
        return f"{progress.done / max(1, progress.total):.0%}"
    return f"no ({progress.error})" if progress and progress.error else "no"


@app.command("download")
def download_data(
    name: DataName,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Shows no progress.")] = False,
    archives: Annotated[
        list[Path] | None,
        typer.Option(
            "--file",
            metavar="FILE",
            help="The archive itself, fetched elsewhere: needs no network. Once for each where there are several.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Fetches a data set over https, or takes its archives from the disk; verifies and unpacks them.

    A download that broke goes on where it stopped.
    """
    _find(name)
    try:
        if archives:
            _take_archives(name, archives)
        else:
            fetch(name, quiet=quiet)
    except DataError as error:
        raise CommandError(str(error), FAILED) from None


def _take_archives(name: str, archives: list[Path]) -> None:
    from core.data.downloads import take_archives

    with ExitStack() as opened:
        try:
            files = [opened.enter_context(archive.open("rb")) for archive in archives]
        except OSError as error:
            raise CommandError(f"{error.filename} cannot be read: {error.strerror}.") from None
        take_archives(name, files)
    say(f"{name} is here.")


@app.command("bring")
def bring_data(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A zip of class folders, an .npz, a .npy, or CIFAR's binary batches.")
    ],
    name: Annotated[str, typer.Option("--name", help="What the set is called.", show_default="that of the file")] = "",
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels", metavar="FILE", help="The labels, where FILE is a .npy of images.", show_default=False
        ),
    ] = None,
) -> None:
    """Makes a set of the images in a file, which is checked first; prints the folder, as data.folder takes it."""
    from core.data.bring import bring, suggest_name

    try:
        with ExitStack() as opened:
            content, *others = (opened.enter_context(path.open("rb")) for path in (file, labels) if path)
            wanted = name or suggest_name(file.name)
            spec = bring(content, wanted, labels=others[0] if others else None, tell=say)
    except OSError as error:
        raise CommandError(f"{error.filename or file} cannot be read: {error.strerror}.") from None
    except DataError as error:
        raise CommandError(str(error), FAILED) from None
    print(spec.folder or spec.dataset)


@app.command("check")
def check_data(
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help="A folder of images, one folder a class.")],
    settings: Settings = None,
    as_json: AsJson = False,
) -> None:
    """Looks through the images of a folder: damaged, nearly constant and repeated ones, and classes without images."""
    from core.data.checks import check_images, list_remarks, sum_up

    data = {"data": {"dataset": "folder", "folder": os.path.abspath(folder)}}
    spec = parse_spec(apply_settings(data, settings or [])).data
    try:
        report = check_images(spec, decode=True)
    except DataError as error:
        raise CommandError(str(error), FAILED) from None
    remarks = list_remarks(report, spec)
    if as_json:
        print_json({**asdict(report), "remarks": [remark.sentence for remark in remarks]})
    else:
        say(sum_up(report))
        for remark in remarks:
            print(plain(remark.sentence))
            for image in remark.images:
                print(f"    {plain(image)}")
    if any(remark.refuses for remark in remarks):
        raise typer.Exit(FAILED)


def tell_suspects(spec: DataSpec) -> None:
    """What Build tells of an image folder before the start: of the images where they are few or decoded already, else
    of their files. Raises DataError; CommandError for what refuses the start."""
    from core.data.checks import check_images, list_remarks

    if spec.dataset != "folder":
        return
    for remark in list_remarks(check_images(spec, decode=False), spec):
        if remark.refuses:
            raise CommandError(plain("\n    ".join([remark.sentence, *remark.images]), keep="\n"))
        say(remark.sentence)


@app.command("delete")
def delete_data(name: DataName, yes: Yes = False) -> None:
    """Deletes a downloaded data set, or what arrived of one, from the disk."""
    from core.data.downloads import delete_dataset

    _find(name)
    confirm(f"Delete {name} from the disk?", yes)  # nosec B608 - a question to a person, no SQL
    say(f"{name} is deleted." if delete_dataset(name) else f"{name} is not on this machine.")


@app.command("folder")
def show_folder(
    path: Annotated[str, typer.Argument(metavar="PATH", help="A folder of images, one folder a class.")],
    parts: Annotated[str, typer.Option("--parts", help=field_at("data.folder_parts").help, show_default=False)] = "",
    as_json: AsJson = False,
) -> None:
    """Shows what an image folder holds: its parts and classes, and what is left out, by reason."""
    from core.data.folder import inspect_folder

    try:
        status = inspect_folder(path, parts)
    except DataError as error:
        raise CommandError(str(error)) from None
    if as_json:
        print_json({**asdict(status), "left_out": [left._asdict() for left in status.left_out]})
        return
    counts = {"train": status.class_counts, "val": status.val_counts, "test": status.test_counts}
    places = dict(status.places)
    own = {part: numbers for part, numbers in counts.items() if numbers is not None}
    rows: list[tuple[object, ...]] = list(zip(status.classes, *own.values(), strict=True))
    print_table(("class", *own), [*rows, ("all", *map(sum, own.values()))], right=tuple(own))
    print_facts((PART_TITLES[part], f"{places[part] or '.'}/" if part in own else "split off") for part in counts)
    if status.left_out:
        print_table(("left out", "number", "such as"), status.left_out, right=("number",))


def _find(name: str) -> None:
    """Raises CommandError unless this is a data set that is downloaded."""
    from core.data.catalogue import list_datasets

    known = {status.name: status.download_bytes > 0 for status in list_datasets()}
    if name not in known:
        raise CommandError(f"There is no data set {name!r}; there are {', '.join(known)}.")
    if not known[name]:
        raise CommandError(f"{name} is built in: it is neither downloaded nor deleted.")


def list_devices(
    slots: Annotated[
        list[str] | None,
        typer.Option("--slots", metavar="DEVICE=COUNT", help="Runs that a device takes at once.", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Lists the devices, their memory, and the runs that train on them."""
    from core.machine import devices

    for setting in slots or ():
        device, _, count = setting.partition("=")
        with suppress(ValueError):
            if isinstance(number := read_number(count, is_whole=True), int):
                devices.set_slots(device, number)
                continue
        raise CommandError(f"--slots {setting}: write a device of this machine and 1 to 64, as in cpu=2.")
    found = devices.list_devices()
    if as_json:
        print_json(found)
        return
    rows = [
        (
            device.id,
            device.name,
            f"{format_bytes(device.memory_used)} of {format_bytes(device.memory_total)}"
            if device.memory_total is not None and device.memory_used is not None
            else UNKNOWN,
            f"{device.utilisation:.0f} %" if device.utilisation is not None else UNKNOWN,
            f"{len(device.busy_by)} of {device.slots}",
            ", ".join(device.busy_by),
        )
        for device in found
    ]
    columns = ("device", "name", "memory", "use", "slots taken", "runs")
    print_table(columns, rows, right=("memory", "use"), whole=("device", "runs"))
