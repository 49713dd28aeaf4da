"""Where a command's spec comes from: a JSON file, standard input, a preset, and `--set` on top."""

from __future__ import annotations

import difflib
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from core.cli.output import CommandError
from core.spec import RunSpec
from core.spec.parse import MAX_SPEC_BYTES, SpecError, parse_spec, read_object
from core.spec.settings import apply_settings

SpecFile = Annotated[
    Path | None, typer.Argument(metavar="SPEC.json", help="A spec as JSON; - reads standard input.", show_default=False)
]
PresetName = Annotated[
    str | None, typer.Option("--preset", "-p", metavar="NAME", help="A named spec; see `presets`.", show_default=False)
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        "-s",
        metavar="SECTION.FIELD=VALUE",
        help="Changes one field: train.epochs=5, model.layers[0].channels=64, model.layers[*].blocks=3. Repeatable.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Prints strict JSON for programs.")]
RunId = Annotated[str, typer.Argument(metavar="ID", help="Id of a run, or how it begins.")]
RunIds = Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of runs, or how they begin.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Without asking first.")]
Download = Annotated[bool, typer.Option("--download", help="Fetches the data set first if need be.")]
Detach = Annotated[bool, typer.Option("--detach", "-d", help="Returns at once; the work goes on.")]
OnPlace = Annotated[
    Literal["here", "cluster"], typer.Option("--on", help="here, or on a node of the cluster that is up.")
]
DetachOrFollow = Annotated[bool, typer.Option("--detach/--follow", "-d/-f", help="Return at once, or follow.")]


def read_spec(
    file: Path | None, preset: str | None, settings: list[str] | None, *, needs_source: bool = False
) -> RunSpec:
    """The checked spec that the three options name; the default spec if none of them is given.

    Raises CommandError and SpecError.
    """
    if file is not None and preset is not None:
        raise CommandError("Name either a spec file or a preset, not both.")
    if file is None and preset is None and needs_source:
        raise CommandError("Name a spec file or a preset: SPEC.json or --preset NAME.")
    if preset is not None:
        data = find_preset(preset).model_dump(mode="json")
    else:
        data = read_file(file) if file is not None else {}
    try:
        return parse_spec(apply_settings(data, settings or []))
    except SpecError as error:
        raise name_file(error, file) from None


def find_preset(name: str) -> RunSpec:
    """The preset's spec. Raises CommandError with the closest names."""
    from core.spec import presets

    with suppress(KeyError):
        return presets.find_preset(name).spec
    close = difflib.get_close_matches(name.lower(), presets.PRESETS, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(presets.PRESETS)}."
    raise CommandError(f"There is no preset {name!r}; {hint}")


def read_file(file: Path) -> dict[str, Any]:
    try:
        if str(file) == "-":
            content = sys.stdin.buffer.read(MAX_SPEC_BYTES + 10)
        else:
            # Only enough to see that it is too long: the path may be that of a film.
            with file.open("rb") as stream:
                content = stream.read(MAX_SPEC_BYTES + 10)
    except FileNotFoundError:
        raise CommandError(f"{file}: there is no such file.") from None
    except IsADirectoryError:
        raise CommandError(f"{file}: is a folder, not a spec file.") from None
    except (OSError, ValueError) as error:
        raise CommandError(f"{file}: cannot be read: {getattr(error, 'strerror', None) or error}.") from None
    try:
        return read_object(content)
    except SpecError as error:
        raise name_file(error, file) from None


def name_file(error: SpecError, file: Path | None) -> CommandError:
    """Adds the file to problems with the text as a whole; those of a field already name the field."""
    shown = "standard input" if str(file) == "-" else str(file)
    lines = [str(problem) if problem.path or file is None else f"{shown}: {problem}" for problem in error.problems]
    return CommandError("\n".join(lines))
