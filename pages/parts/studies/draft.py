"""The study that is being defined: kept in the session, apart from any widget, and packed in the page's address."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal

import streamlit as st

from core.data.folder import inspect_folder
from core.runs.records import RunNotFoundError, RunSummary
from core.runs.store import open_run
from core.spec import SECTIONS, RunSpec, link
from core.spec.fields import SpecField, fields_of
from core.spec.parse import FieldProblem, SpecError, parse_spec
from core.spec.presets import find_preset
from core.studies.space import LAYERS, Dimension, check_space, default_dimension, find_field, max_layers, propose_values
from core.studies.spec import STUDY_PRESETS, StudySpec, fitting_warmup, parse_study
from core.system.errors import LabError
from pages.parts.build.draft import open_draft
from pages.parts.frame.address import DraftAddress
from pages.parts.frame.failure import tell

KEY = "studies.draft"
ADDRESS = DraftAddress("studies", ("new",))
WIDGETS = "studies.field"
# Where a study that has nothing to search yet begins.
FIRST_FIELDS = ("train.learning_rate", "train.batch_size")
PRESET_TITLES = {"report": "Student report", "first-look": "First look"}
Mode = Literal["range", "choices", "fixed"]


@dataclass
class Row:
    """One field of the table: searched over a range or choices, or fixed at a value of the base.

    `id` stays with the row, so that removing one leaves the widgets of the others alone.
    """

    id: int
    path: str
    mode: Mode
    low: float | None = None
    high: float | None = None
    log: bool = False
    step: float | None = None
    choices: list[Any] = field(default_factory=list)
    value: Any = None

    @property
    def spec_field(self) -> SpecField:
        return find_field(self.path)

    def to_dimension(self) -> dict[str, Any]:
        """The row as a study's JSON has it."""
        if self.mode == "choices":
            return {"path": self.path, "choices": self.choices}
        low, high = self.low, self.high
        return {"path": self.path, "low": low, "high": high, "log": self.log, "step": None if self.log else self.step}


@dataclass
class StudyDraft:
    """`base` and `settings` are the study as JSON has it, `rows` its space; `good` the last study that can run."""

    base: RunSpec
    rows: list[Row]
    settings: dict[str, Any]
    # Of the base, by path; checked with everything else, so that a wrong one stays until it is fixed.
    overrides: dict[str, Any] = field(default_factory=dict)
    good: StudySpec | None = None
    source: str = ""
    stem: str = "study"  # of a new study's name
    # Part of every widget's key: the browser may still send the old values when the draft has been replaced.
    generation: int = 0
    problems: list[FieldProblem] = field(default_factory=list)
    touched: bool = False
    last_id: int = -1
    # The pruner's warm-up that fitted at the last look.
    fitting: int = 0

    def check(self) -> None:
        """Brings `good` and `problems` up to date; a row's problems are reported at its field's path."""
        self.problems = []
        base = self._apply_fixed()
        self._follow_schedule(base)
        searched = [row for row in self.rows if row.mode != "fixed"]
        data = {
            **self.settings,
            "base": base.model_dump(mode="json"),
            "space": [row.to_dimension() for row in searched],
        }
        try:
            study = parse_study(data)
        except SpecError as error:
            self.problems += [_name_row(problem, searched) for problem in error.problems]
            self.good = None
        else:
            self.good = None if self.problems else study

    def _follow_schedule(self, base: RunSpec) -> None:
        """The pruner's warm-up goes on to fit pruner and training, until somebody chooses another."""
        before, self.fitting = self.fitting, fitting_warmup(base.train, self.settings["pruner"])
        if self.settings["pruner_warmup_epochs"] == before != self.fitting:
            self.settings["pruner_warmup_epochs"] = self.fitting
            self.generation += 1

    def _apply_fixed(self) -> RunSpec:
        """The base with its changed values and those of the fixed rows, each reported at its field if wrong."""
        base = self.base
        for path, value in self.overrides.items():
            try:
                base = propose_values(base, {path: value})
            except SpecError as error:
                self.problems += [replace(problem, path=f"override.{path}") for problem in error.problems[:1]]
        for row in self.rows:
            if row.mode == "fixed":
                try:
                    base = propose_values(base, {row.path: row.value})
                except SpecError as error:
                    self.problems += [replace(problem, path=f"row.{row.id}") for problem in error.problems[:1]]
        return base

    def problems_of(self, row: Row) -> list[FieldProblem]:
        return [problem for problem in self.problems if re.match(rf"row\.{row.id}(\.|$)", problem.path)]

    def problems_at(self, name: str) -> list[FieldProblem]:
        """What is wrong with one of the settings, or with the space as a whole."""
        return [problem for problem in self.problems if re.match(rf"{re.escape(name)}(\[|\.|$)", problem.path)]

    def replace(self, study: StudySpec, source: str = "") -> None:
        """Takes another study in; the widgets are filled anew."""
        data = study.model_dump(mode="json", exclude={"base", "space", "version"})
        self.base, self.settings, self.source, self.touched = study.base, data, source, True
        self.rows, self.overrides = [self._to_row(dimension) for dimension in study.space], {}
        self.fitting = fitting_warmup(study.base.train, study.pruner)
        self.stem = source.rpartition(":")[2] if source.startswith(("study:", "preset:")) else "study"
        self.generation += 1

    def rebase(self, spec: RunSpec, source: str = "") -> None:
        """Searches around another spec; the space stays."""
        self.base, self.source, self.touched = spec, source, True
        self.rows, self.overrides = [row for row in self.rows if row.mode != "fixed"], {}
        self.generation += 1

    def use_folder(self, folder: str) -> None:
        """Searches on an image folder in place of the base's data set. Raises DataError, SpecError."""
        classes = len(inspect_folder(folder).classes)
        data = {"dataset": "folder", "folder": folder, "folder_parts": "", "folder_classes": classes}
        values = self.base.model_dump(mode="json")
        self.base, self.source, self.touched = parse_spec({**values, "data": {**values["data"], **data}}), "", True
        self.generation += 1

    def _to_row(self, dimension: Dimension) -> Row:
        mode: Mode = "choices" if dimension.choices else "range"
        row = Row(self._next_id(), dimension.path, mode, choices=list(dimension.choices))
        row.low, row.high, row.log, row.step = dimension.low, dimension.high, dimension.log, dimension.step
        return row

    def _next_id(self) -> int:
        self.last_id += 1
        return self.last_id

    def add(self, path: str) -> None:
        """One more field to search, with what its own range suggests."""
        self.rows.append(self._to_row(default_dimension(self.base, path)))
        self.touched = True

    def remove(self, row_id: int) -> None:
        self.rows = [row for row in self.rows if row.id != row_id]
        self.touched = True

    def row(self, row_id: int) -> Row | None:
        return next((row for row in self.rows if row.id == row_id), None)

    def switch(self, row: Row, mode: Mode) -> None:
        """Searches a field another way, or fixes it; what the new way needs is filled in from its range."""
        row.mode, self.touched = mode, True
        first = default_dimension(self.base, row.path)
        if mode == "fixed" and row.value is None:
            row.value = read_base(self.base, row.path)
        elif mode == "range" and row.low is None:
            row.low, row.high, row.log, row.step = first.low, first.high, first.log, first.step
        elif mode == "choices" and not row.choices:
            row.choices = list(first.choices) or suggest_choices(first)

    def widget_key(self, name: str) -> str:
        return f"{WIDGETS}.{self.generation}.{name}"

    def is_current(self, key: str) -> bool:
        """Whether a widget's value belongs to this draft, not to one that was replaced."""
        return key.startswith(f"{WIDGETS}.{self.generation}.") and key in st.session_state

    def addable(self) -> list[str]:
        """Fields that can still be searched."""
        taken = {row.path for row in self.rows}
        return [path for path in list_paths(self.base) if path not in taken and not _overlaps(path, taken)]


def _name_row(problem: FieldProblem, searched: list[Row]) -> FieldProblem:
    """`space[2].high` becomes `row.7.high`, whose row stays where it is."""
    found = re.match(r"space\[(\d+)\](.*)", problem.path)
    if found and int(found[1]) < len(searched):
        row = searched[int(found[1])]
        whole = row.spec_field.kind == "int" and problem.message == "must be a number"
        message = "must be a whole number" if whole else problem.message
        return replace(problem, path=f"row.{row.id}{found[2]}", message=message)
    return problem


def _overlaps(path: str, taken: set[str]) -> bool:
    """Whether a field of all layers is searched already for one of them, or the other way round."""
    name = path.rpartition(".")[2]
    if "[*]" in path:
        return any(re.fullmatch(rf"model\.layers\[\d+\]\.{name}", other) for other in taken)
    return "[" in path and f"model.layers[*].{name}" in taken


@lru_cache(maxsize=16)
def list_paths(base: RunSpec) -> tuple[str, ...]:
    """Everything around this spec that can be searched, in the order of the form; of layers all together first."""
    return tuple(path for path in _iterate_paths(base) if _can_search(base, path))


def _iterate_paths(base: RunSpec) -> Iterator[str]:
    yield LAYERS
    for index in ("*", *range(max_layers(base, ()))):
        yield from (f"model.layers[{index}].{entry.name}" for entry in fields_of("layers[]"))
    for section in SECTIONS:
        yield from (entry.path for entry in fields_of(section) if entry.kind in ("int", "float", "bool", "choice"))


def _can_search(base: RunSpec, path: str) -> bool:
    found = check_space(base, [default_dimension(base, path)])
    return not any(problem.path.endswith(".path") for problem in found)


def read_base(base: RunSpec, path: str) -> Any:
    """The base's value at a searched field; the first layer's for all of them."""
    if path == LAYERS:
        return len(base.model.layers)
    found = re.fullmatch(r"model\.layers\[(\d+|\*)\]\.(\w+)", path)
    if found:
        index = 0 if found[1] == "*" else min(int(found[1]), len(base.model.layers) - 1)
        return getattr(base.model.layers[index], found[2])
    section, _, name = path.partition(".")
    return getattr(getattr(base, section), name)


def suggest_choices(dimension: Dimension) -> list[Any]:
    """A few values of a range, to begin with."""
    values = dimension.values()
    if values is not None and len(values) <= 6:
        return list(values)
    low, high = dimension.low or 0.0, dimension.high or 0.0
    if dimension.kind == "int":
        return sorted({int(low), int((low + high) // 2), int(high)})
    if dimension.log and low > 0:
        return [float(f"{value:.3g}") for value in (low, (low * high) ** 0.5, high)]
    return [float(f"{value:.3g}") for value in (low, (low + high) / 2, high)]


# Where a definition begins, and its address ------------------------------------------------------------------------


def around(spec: RunSpec) -> StudySpec:
    """A first study around a spec."""
    space = [default_dimension(spec, path).model_dump(mode="json") for path in FIRST_FIELDS]
    return parse_study({"base": spec.model_dump(mode="json"), "space": space})


def resolve(word: str) -> tuple[StudySpec, str]:
    """The study that the address asks for, and where it comes from.

    A study preset's name, `preset:NAME` and `run:ID` for a spec, `draft` for that of Build, or a packed study.
    Raises SpecError, RunNotFoundError, KeyError.
    """
    if word in STUDY_PRESETS:
        return STUDY_PRESETS[word], f"study:{word}"
    if word == "draft" or word.startswith(("preset:", "run:")):
        return around(find_spec(word)), word
    return unpack(word), ""


def name_run(run: RunSummary) -> str:
    """What a list calls a run: it tells the page which one was chosen by that alone, and several may have one name."""
    return run.name if run.name == run.id else f"{run.name} · {run.id[-6:]}"


def find_spec(word: str) -> RunSpec:
    """The spec of `preset:NAME` or `run:ID`, or with `draft` that of Build. Raises RunNotFoundError, KeyError."""
    kind, _, value = word.partition(":")
    if kind == "draft":
        return open_draft().good
    return find_preset(value).spec if kind == "preset" else open_run(value).spec


def pack(study: StudySpec) -> str:
    """A study as text that is safe in an address."""
    data = study.model_dump(mode="json", exclude_defaults=True)
    layers = [layer.model_dump(mode="json") for layer in study.base.model.layers]
    # Strides depend on the position of a layer, so they are written out; and so is what depends on other fields.
    if "layers" in data.get("base", {}).get("model", {}):
        data["base"]["model"]["layers"] = layers
    data |= {"pruner": study.pruner, "pruner_warmup_epochs": study.pruner_warmup_epochs}
    return link.pack(data)


def unpack(text: str) -> StudySpec:
    """The study that `pack` wrote. Raises SpecError, also for an address that was cut or made up."""
    return parse_study(link.unpack(text, "study"))


def open_study_draft() -> StudyDraft:
    """The session's definition; a first visit begins with what needs no download."""
    if KEY not in st.session_state:
        first = StudyDraft(RunSpec(), [], {})
        first.replace(STUDY_PRESETS["first-look"], "study:first-look")
        first.touched = False
        st.session_state[KEY] = first
    draft: StudyDraft = st.session_state[KEY]
    return draft


def read_address(draft: StudyDraft) -> None:
    """Fills the draft from the address if that asks for another; one that cannot be used leaves a notice."""
    if (word := ADDRESS.find_news(draft.touched)) is None:
        return
    try:
        draft.replace(*resolve(word[1]))
    except SpecError as error:
        ADDRESS.refuse(f"The link could not be used: {error.problems[0].message}.")
    except (RunNotFoundError, KeyError):
        ADDRESS.refuse("The link could not be used: there is no such run or preset.")
    except LabError as error:  # a run without a spec of this lab, or a damaged one
        ADDRESS.refuse(f"The link could not be used. {tell(error)}")


def write_address(draft: StudyDraft) -> None:
    """Puts the last good study into the address."""
    touched, draft.touched = draft.touched, False
    if draft.good:
        ADDRESS.write(pack(draft.good), touched)
