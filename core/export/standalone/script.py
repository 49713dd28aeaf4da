"""Writes a standalone `train.py`: a description of the run, its spec, the engine's code, and the data it needs."""

from __future__ import annotations

import base64
import lzma
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from core.data.digits import read_digits
from core.data.notes import list_left_out
from core.export.standalone.header import describe_run
from core.export.standalone.reading import Import, StandaloneError
from core.export.standalone.sources import Gathered, Gatherer
from core.runs.branches import read_branch
from core.runs.folder import Run
from core.spec import SECTIONS, DataSpec, LayerSpec, RunSpec, Strict
from core.spec.fields import fields_of

ROOT = "core.engine.script"
_KINDS: tuple[type[Strict], ...] = (RunSpec, LayerSpec, *SECTIONS.values())
_GIVEN = frozenset(
    [(ROOT, name) for name in ("SPEC", "FINGERPRINT", "THREADS", "WITHOUT", "DIGITS", "QUANTILES")]
    + [(kind.__module__, kind.__name__) for kind in _KINDS]
)
_REPLACED = {("core.engine.augment", "beta_quantiles"): (ROOT, "beta_quantiles")}
# The registries of which a script keeps the one entry that this field of the spec names.
REGISTRIES = {
    "STEMS": "model.stem",
    "STEM_FITS": "model.stem",
    "LAYER_STARTS": "model.layer_start",
    "DOWN_POOLS": "model.downsampling",
    "BLOCKS": "model.block",
    "NORMS": "model.norm",
    "BRANCH_ENDS": "model.norm",
    "ATTENTION": "model.attention",
    "ACTIVATIONS": "model.activation",
    "POOLS": "model.pool_kind",
    "SOURCES": "data.dataset",
    "POLICIES": "augment.policy",
    "OPTIMIZERS": "train.optimizer",
    "SCHEDULES": "train.schedule",
}
_WIDTH = 120

# For modules whose purpose covers more than what is left of them, or does not help in a single file.
HEADINGS = {
    "core.spec.parts": "What parts of the network have in common",
    "core.data.store": "What is wrong with images",
    "core.data.decoding": "Image files become RGB bytes of one size",
    "core.data.cache": "",
    "core.spec.choices": "",
    "core.spec.model": "The side of the map after each block layer",
    "core.spec.schedule": "The learning rate as a function of the update's number",
    "core.engine.checkpoint": "",
    "core.system.tensor_file": "",
    "core.engine.data": "The images as bytes in memory, split into training, validation and test",
    "core.engine.events": "What a training tells",
    "core.engine.state": "Everything that changes while a network is trained",
    "core.engine.train": "The training",
    ROOT: "The command line, the images and the files",
}


def make_script(run: Run, spec: RunSpec) -> str:
    """The text of `train.py` for a run; `spec` is the run's, as it may leave this machine. Raises StandaloneError."""
    if record := read_branch(run.path):
        raise StandaloneError(
            f"{run.about.name} began from a checkpoint of {record.get('name') or record['run']}, which no script can "
            "make: take the whole run along, as a zip."
        )
    entries = {name: [value_at(spec, path)] for name, path in REGISTRIES.items()}
    gathered = Gatherer(_GIVEN, _REPLACED, entries).gather(ROOT, "main")
    environment = run.environment()
    threads = environment.get("threads") if environment.get("device") == "cpu" else 0
    fingerprint = str(environment.get("data_fingerprint") or "")
    parts = [
        f'"""{quote(describe_run(run, spec))}\n"""\n\n' + "\n".join(write_imports(gathered.imports)),
        *_write_spec(spec, gathered),
        "\n".join(
            [
                "SPEC = RunSpec()",
                f"FINGERPRINT = {write_value(fingerprint)}  # of the run's images and their split",
                f"THREADS = {int(threads or 0)}  # that the run computed with on a CPU; 0 leaves the choice to torch",
                f"WITHOUT: frozenset[str] = {_write_names(list_left_out(spec.data.without))}",
            ]
        ),
        *write_sections(gathered),
        *_write_data(spec, {name for _, name in gathered.given}),
        'if __name__ == "__main__":\n    sys.exit(main())',
    ]
    return "\n\n\n".join(parts) + "\n"


def _write_names(names: Iterable[str]) -> str:
    """Images that are left out, one a line."""
    lines = "".join(f"    {name!r},\n" for name in sorted(names))
    return f"frozenset([\n{lines}])" if lines else "frozenset()"


def quote(lines: Iterable[str]) -> str:
    """Text for a docstring: the name that people gave a run must not end it."""
    safe = ("".join(sign if sign.isprintable() else " " for sign in line) for line in lines)
    return "\n".join(line.replace("\\", "/").replace('"', "'").rstrip() for line in safe)


def write_imports(imports: Sequence[Import]) -> Iterator[str]:
    """Sorted as ruff sorts them: the standard library, then the others; whole modules first."""
    yield "from __future__ import annotations"
    for group in (True, False):
        chosen = [one for one in imports if _is_standard(one) == group]
        if chosen:
            yield ""
        yield from sorted({str(one) for one in chosen if not one.name})
        for module in sorted({one.module for one in chosen if one.name}):
            names = sorted(str(one).partition(" import ")[2] for one in chosen if one.name and one.module == module)
            yield f"from {module} import {', '.join(names)}"


def _is_standard(one: Import) -> bool:
    return one.module.partition(".")[0] not in ("numpy", "PIL", "torch", "torchvision")


def write_sections(gathered: Gathered, headings: Mapping[str, str] = HEADINGS) -> Iterator[str]:
    """The definitions, module by module, each module under its heading or its purpose."""
    for section in gathered.sections:
        heading = headings.get(section.module, section.purpose.rstrip("."))
        if heading and not all(_is_line(text) for text in section.definitions):
            yield f"# {heading}\n# {'-' * (_WIDTH - 2)}" if len(heading) < _WIDTH else _comment(heading)
        text = section.definitions[0]
        for before, after in pairwise(section.definitions):
            text += ("\n" if _is_line(before) and _is_line(after) else "\n\n\n") + after
        yield text


def _is_line(definition: str) -> bool:
    """Whether it is one line, but for comments above it."""
    return all(line.startswith("#") for line in definition.splitlines()[:-1])


def _comment(text: str) -> str:
    return "\n".join(f"# {line}" for line in textwrap.wrap(text, _WIDTH - 2))


# The spec ---------------------------------------------------------------------------------------------------------


def _write_spec(spec: RunSpec, gathered: Gathered) -> Iterator[str]:
    """The settings as dataclasses whose defaults are the run's; only those that the code uses."""
    chosen = ", ".join(dict.fromkeys(path for name, path in REGISTRIES.items() if name in gathered.registries))
    yield _comment(
        f"The settings of the run: change them here. Of {chosen} only the choice that is set has its code in this "
        "file, and of augment.mixup and augment.cutmix only the value that is set, or 0."
    )
    fields = [write_field("layers[]", field.name) for field in fields_of("layers[]")]
    yield write_class("LayerSpec", LayerSpec.__doc__ or "", fields)
    for name, kind in SECTIONS.items():
        live = [field.name for field in fields_of(name) if field.name in gathered.attributes]
        lines = [write_field(name, field, value_at(spec, f"{name}.{field}")) for field in live]
        if kind is DataSpec:
            lines.append(f"num_classes: int = {spec.data.num_classes}  # Follows from the images.")
            lines.append(f"num_channels: int = {spec.data.num_channels}  # Of an image: 3, or 1 where it becomes grey.")
        yield write_class(kind.__name__, kind.__doc__ or "", lines)
    whole = [f"{name}: {kind.__name__} = {kind.__name__}()" for name, kind in SECTIONS.items()]
    yield write_class("RunSpec", "Everything that decides the run's result.", whole)


def value_at(spec: RunSpec, path: str) -> Any:
    section, _, name = path.partition(".")
    return getattr(getattr(spec, section), name)


def write_class(name: str, purpose: str, lines: Iterable[str]) -> str:
    body = textwrap.indent("\n".join(lines), "    ")
    text = f'@dataclass(frozen=True)\nclass {name}:\n    """{purpose.partition(chr(10))[0]}"""'
    return f"{text}\n\n{body}" if body else text


def write_field(section: str, name: str, value: object = None) -> str:
    found = next(field for field in fields_of(section) if field.name == name)
    kinds = {"int": "int", "float": "float", "bool": "bool", "choice": "str", "text": "str", "ints": "tuple[int, ...]"}
    kind = "tuple[LayerSpec, ...]" if found.kind == "layers" else kinds[found.kind]
    line = f"{name}: {kind}" if value is None else f"{name}: {kind} = {write_value(value)}"
    unit = f" ({found.unit})" if found.unit == "px" else ""
    remark = f"# {found.help.rstrip('.')}{unit}."
    return f"{line}  {remark}" if len(line) + len(remark) < _WIDTH - 6 and "\n" not in line else f"{remark}\n{line}"


def write_value(value: object) -> str:
    """A value as Python writes it; layers one a line."""
    if isinstance(value, tuple) and value and isinstance(value[0], LayerSpec):
        rows = (", ".join(f"{key}={field}" for key, field in layer.model_dump().items()) for layer in value)
        return "(\n" + "".join(f"    LayerSpec({row}),\n" for row in rows) + ")"
    text = repr(value)
    return f'"{text[1:-1]}"' if isinstance(value, str) and '"' not in text else text


# The data of the script -------------------------------------------------------------------------------------------


def _write_data(spec: RunSpec, given: set[str]) -> Iterator[str]:
    if "QUANTILES" in given:
        alphas = sorted({alpha for alpha in (spec.augment.mixup, spec.augment.cutmix) if alpha})
        tables = "\n".join(f'    {alpha!r}: """\n{_pack(_quantile_steps(alpha))}\n""",' for alpha in alphas)
        yield f"# Quantiles of Beta(alpha, alpha), by alpha.\nQUANTILES: dict[float, str] = {{\n{tables}\n}}"
    if "DIGITS" in given:
        remark = "# scikit-learn's digits, packed: the labels (1797,), then the images (1797, 8, 8), from 0 to 16."
        images, classes = read_digits()
        content = b"".join(part.astype(np.uint8).tobytes() for part in (classes, images))
        yield f'{remark}\nDIGITS = """\n{_pack(content)}\n"""'


def _quantile_steps(alpha: float) -> bytes:
    """The bits of the rising quantiles as whole numbers, each as the small difference to the one before."""
    from core.stats.betas import quantile_table

    bits: npt.NDArray[np.int32] = quantile_table(alpha).view(np.int32)
    steps: npt.NDArray[np.int32] = np.diff(bits, prepend=np.int32(0))
    return steps.astype("<i4").tobytes()


def _pack(content: bytes) -> str:
    """The counterpart of `core.engine.script.unpack`."""
    text = base64.b85encode(lzma.compress(content, preset=9)).decode()
    return "\n".join(textwrap.wrap(text, _WIDTH, break_on_hyphens=False))
