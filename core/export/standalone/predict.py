"""Writes a standalone `predict.py`: its networks, the engine's code that they need, and how images are read."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from core.data.catalogue import DATASETS
from core.data.decoding import GROUNDS
from core.export.standalone.script import (
    HEADINGS,
    REGISTRIES,
    quote,
    value_at,
    write_class,
    write_field,
    write_imports,
    write_sections,
    write_value,
)
from core.export.standalone.sources import Gathered, Gatherer
from core.helper.questions import Member
from core.spec import LayerSpec, ModelSpec, RunSpec
from core.spec.fields import fields_of

ROOT = "core.engine.predict_script"
_WIDTH, _INDENT = 120, " " * 4
_GIVEN = frozenset(
    [(ROOT, "MEMBERS"), (ROOT, "CLASSES"), (ROOT, "NUMBERS")]
    + [(kind.__module__, kind.__name__) for kind in (LayerSpec, ModelSpec)]
)
_HEADINGS = HEADINGS | {
    "core.data.leftovers": "What systems and tools leave beside images",
    "core.data.own_images": "The order in which people count names",
    "core.engine.augment": "Bytes become what a network looks at",
    "core.engine.data": "",
    ROOT: "The command line, the images and the table",
}


@dataclass(frozen=True)
class Chosen:
    """One network of the file: which run's, its spec, what its images are scaled by, and its weights' file."""

    run_id: str
    name: str
    weights: str
    spec: RunSpec
    member: Member
    file: str
    sha256: str


def make_predict(chosen: Sequence[Chosen], classes: Sequence[str], numbers: Sequence[int]) -> str:
    """The text of `predict.py` for one or several networks of the same classes, with their numbers.

    Raises StandaloneError.
    """
    entries = {
        name: {value_at(one.spec, path) for one in chosen}
        for name, path in REGISTRIES.items()
        if path.startswith("model.")
    }
    gathered = Gatherer(_GIVEN, {}, entries).gather(ROOT, "main")
    parts = [
        f'"""{quote(_describe(chosen))}\n"""\n\n' + "\n".join(write_imports(gathered.imports)),
        *_write_classes(chosen[0].spec, gathered),
        *write_sections(gathered, _HEADINGS),
        _write_constants(chosen, classes, numbers, gathered),
        'if __name__ == "__main__":\n    sys.exit(main())',
    ]
    return "\n\n\n".join(parts) + "\n"


def _describe(chosen: Sequence[Chosen]) -> Iterator[str]:
    """The lines of the script's docstring."""
    several = len(chosen) > 1
    yield "Predicts images by the mean probability of several networks." if several else "Predicts images by a network."
    yield ""
    yield f"Made by ResNet Lab out of its own code, of the {'runs' if several else 'run'}"
    yield ""
    for one in chosen:
        yield f"    {one.file:<22}{one.name or one.run_id} ({one.run_id}), {one.weights} weights"
    yield ""
    yield "It needs Python 3.11 and torch, and the files above beside it; pillow too to read image files:"
    yield ""
    yield "    python predict.py FOLDER --out answers.csv"
    yield "    python predict.py images.npy --columns ID,Label --ids number --labels index --out mine.csv"


def _live_fields(gathered: Gathered) -> list[str]:
    return [field.name for field in fields_of("model") if field.name in gathered.attributes]


def _write_classes(spec: RunSpec, gathered: Gathered) -> Iterator[str]:
    yield write_class(
        "LayerSpec", LayerSpec.__doc__ or "", [write_field("layers[]", field.name) for field in fields_of("layers[]")]
    )
    lines = [write_field("model", name, value_at(spec, f"model.{name}")) for name in _live_fields(gathered)]
    yield write_class("ModelSpec", ModelSpec.__doc__ or "", lines)


def _write_constants(
    chosen: Sequence[Chosen], classes: Sequence[str], numbers: Sequence[int], gathered: Gathered
) -> str:
    names = "".join(f"    {name!r},\n" for name in classes)
    members = "".join(f"    {_write_member(one, gathered)},\n" for one in chosen)
    listed = textwrap.fill(", ".join(map(str, numbers)), _WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT)
    own = f"# What --labels index writes for each class.\nNUMBERS: tuple[int, ...] = (\n{listed},\n)"
    return f"CLASSES: tuple[str, ...] = (\n{names})\n\n{own}\n\nMEMBERS: tuple[Member, ...] = (\n{members})"


def _write_member(one: Chosen, gathered: Gathered) -> str:
    data, entry = one.spec.data, DATASETS[one.spec.data.dataset]
    values = {name: value_at(one.spec, f"model.{name}") for name in _live_fields(gathered)}
    if "stochastic_depth" in values:
        values["stochastic_depth"] = 0.0  # of training alone, and it would ask for torchvision
    model = ", ".join(f"{name}={write_value(value)}" for name, value in values.items())
    fields = {
        "file": repr(one.file),
        "sha256": repr(one.sha256),
        "model": f"ModelSpec({model})",
        "side": entry.side or data.image_size,
        "image_size": data.image_size,
        "is_grey": entry.is_grey,
        "num_channels": data.num_channels,
        "ground": GROUNDS[data.ground],
        "mean": one.member.mean,
        "std": one.member.std,
    }
    body = "".join(f"        {name}={value},\n" for name, value in fields.items())
    return f"Member(\n{body}    )"
