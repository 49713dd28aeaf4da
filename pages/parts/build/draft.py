"""The spec that is being shaped on the Build page: kept in the session, apart from any widget, so nothing is lost.

Its address, `?spec=...`, is kept up to date; `?preset=NAME` and `?clone=RUN_ID` are taken in.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import streamlit as st

from core.data.folder import inspect_folder
from core.data.parts import FolderQuestion
from core.data.store import DataError
from core.launch.branches import Fork, list_problems
from core.runs.folder import Run
from core.runs.foreign import name_tool, start_spec
from core.runs.records import ForeignRecord, RunNotFoundError
from core.runs.store import open_run
from core.spec import MAX_LAYERS, RunSpec, map_sizes
from core.spec.branching import is_free
from core.spec.fields import field_at, flatten_json, label_path
from core.spec.folder_parts import is_parts
from core.spec.link import from_link, to_link
from core.spec.parse import FieldProblem, SpecError, parse_spec
from core.spec.presets import PRESETS, find_preset
from core.system.errors import LabError
from core.text.safe import plain
from core.text.words import join_words, list_first
from pages.parts.frame.address import DraftAddress
from pages.parts.frame.failure import tell

KEY = "build.draft"
ADDRESS = DraftAddress("build", ("spec", "preset", "clone"))
NAME_KEY = "build.name"  # what the run will be called
# Keys of the form's widgets begin with this.
WIDGETS = "build.field"
FIRST_PRESET = "first-look"
MAX_NAMED = 60  # keys of a configuration that are not understood


@dataclass
class Draft:
    """`values` is the spec as JSON has it, right or wrong; `good` the last one that can be run.

    `rows` gives every layer a number that stays with it, so that removing one layer leaves the others' widgets alone.
    """

    values: dict[str, Any]
    rows: list[int]
    good: RunSpec
    preset: str = ""
    # Part of every widget's key: the browser may still send the old values when the draft has been replaced.
    generation: int = 0
    problems: list[FieldProblem] = field(default_factory=list)
    # Whether a widget changed the draft in this run of the script: then it wins over the address.
    touched: bool = False
    checked: str = ""
    notice: str = ""  # what should be known of where it came from
    fork: Fork | None = None  # where it begins, if it is a branch

    def check(self) -> None:
        """Brings `good` and `problems` up to date with `values`."""
        text = json.dumps(self.values)
        if text == self.checked:
            return
        self.checked = text
        try:
            self._read_folder()
            self.good = parse_spec(self.values)
            self.problems = list_problems(self.fork, self.good) if self.fork else []
        except SpecError as error:
            self.problems = error.problems
        except DataError as error:
            sentence = error.question if isinstance(error, FolderQuestion) else str(error)
            self.problems = [FieldProblem("data.folder", sentence.rstrip("."), self.values["data"]["folder"])]

    def _read_folder(self) -> None:
        """The number of classes is counted in the image folder, not asked for. Raises DataError."""
        data = self.values["data"]
        if data["dataset"] != "folder" or not data["folder"].strip() or not is_parts(data["folder_parts"]):
            return
        data["folder_classes"] = len(inspect_folder(data["folder"], data["folder_parts"]).classes)
        self.checked = json.dumps(self.values)

    def replace(self, spec: RunSpec, preset: str = "") -> None:
        """Takes another spec in; the widgets are filled again."""
        self.values = spec.model_dump(mode="json")
        self.rows = [self._next_row() + index for index in range(len(spec.model.layers))]
        self.good, self.problems, self.preset, self.touched, self.notice = spec, [], preset, True, ""
        self.fork, self.checked = None, ""
        self.generation += 1

    def find_changes(self, spec: RunSpec) -> list[str]:
        """The paths at which the draft is no longer this spec, values that cannot be used among them."""
        here, there = flatten_json(self.values), flatten_json(spec.model_dump(mode="json"))
        return [path for path in {**there, **here} if here.get(path, ...) != there.get(path, ...)]

    def keeps(self, path: str) -> bool:
        """Whether the field has to stay as it is, because the draft is a branch."""
        return self.fork is not None and not is_free(path, self.fork.use)

    def widget_key(self, name: str) -> str:
        return f"{WIDGETS}.{self.generation}.{name}"

    def is_current(self, key: str) -> bool:
        """Whether a widget's news are of this draft, and not of one that was replaced or of a row that is gone."""
        return key.startswith(f"{WIDGETS}.{self.generation}.") and key in st.session_state

    def set_value(self, section: str, name: str, value: Any) -> None:
        if (section, name) == ("data", "folder") and self.values["data"]["folder_parts"]:
            self.choose("data", "folder_parts", "")  # they were those of another folder
        self.values[section][name] = value
        self.touched = True

    def choose(self, section: str, name: str, value: Any) -> None:
        """Sets a value from beside its widget, which is filled again."""
        self.values[section][name] = value
        self.touched = True
        self.generation += 1

    def data_json(self) -> str:
        """The data's part, right or wrong."""
        return json.dumps(self.values["data"])

    def set_layer(self, row: int, name: str, value: Any) -> None:
        self.layers[self.rows.index(row)][name] = value
        self.touched = True

    @property
    def layers(self) -> list[dict[str, Any]]:
        layers: list[dict[str, Any]] = self.values["model"]["layers"]
        return layers

    @property
    def is_full(self) -> bool:
        """Whether the network has all the block layers that it may have."""
        return len(self.rows) >= MAX_LAYERS

    def add_layer(self) -> None:
        """A layer of twice the channels below the last; it halves the map where the pooling still fits."""
        last = self.layers[-1]
        size = map_sizes(self.good.model, self.good.data.image_size)[-1]
        halves = (size + 1) // 2 >= self.good.model.pool_size
        limit = int(field_at("layers[].channels").high or 1)
        doubled = 2 * last["channels"] if isinstance(last["channels"], int) else limit
        channels = min(doubled, limit)
        self._insert(len(self.rows), {**last, "channels": channels, "stride": 2 if halves else 1})

    def duplicate_layer(self, row: int) -> None:
        """The same layer once more below it; the copy keeps the map's size."""
        index = self.rows.index(row)
        self._insert(index + 1, {**self.layers[index], "stride": 1})

    def remove_layer(self, row: int) -> None:
        index = self.rows.index(row)
        del self.layers[index], self.rows[index]
        self.touched = True

    def _insert(self, index: int, layer: dict[str, Any]) -> None:
        self.layers.insert(index, layer)
        self.rows.insert(index, self._next_row())
        self.touched = True

    def _next_row(self) -> int:
        return max(self.rows, default=-1) + 1

    def problems_at(self, path: str) -> list[FieldProblem]:
        """What is wrong at a field, or inside it: `train.milestones` also has those of `train.milestones[1]`."""
        return [p for p in self.problems if p.path == path or p.path.startswith((path + "[", path + "."))]


def open_draft() -> Draft:
    """The session's draft; a first visit begins with the preset that needs no download."""
    if KEY not in st.session_state:
        spec = PRESETS[FIRST_PRESET].spec
        first = Draft(values={}, rows=[], good=spec)
        first.replace(spec, FIRST_PRESET)
        first.touched = False
        st.session_state[KEY] = first
    draft: Draft = st.session_state[KEY]
    return draft


# Its address -------------------------------------------------------------------------------------------------------


def read_address(draft: Draft) -> None:
    """Fills the draft from the address if that asks for another; a damaged one leaves a notice."""
    if (word := ADDRESS.find_news(draft.touched)) is None:
        return
    try:
        if word[0] == "clone" and (record := (run := open_run(word[1])).foreign()):
            _start_from(run, record, draft)
            return
        spec, preset = _resolve(*word)
    except (LabError, KeyError, OSError) as error:
        ADDRESS.refuse(_explain(*word, error))
    else:
        draft.replace(spec, preset)


def _resolve(name: str, value: str) -> tuple[RunSpec, str]:
    if name == "preset":
        preset = find_preset(value)
        return preset.spec, preset.name
    return (from_link(value) if name == "spec" else open_run(value).spec), ""


def _start_from(run: Run, record: ForeignRecord, draft: Draft) -> None:
    """Takes in what is known of another tool's configuration, and names every key that is not."""
    spec, taken, others = start_spec(record["configuration"])
    draft.replace(spec)
    tool = name_tool(record["format"])
    what = f"{join_words([label_path(path) for path in taken])} are those" if taken else "Nothing is taken"
    rest = f" Not understood, and left out: {list_first([plain(key) for key in others], MAX_NAMED)}." if others else ""
    draft.notice = f"{what} of {run.about.name}, which was imported from {tool}; all else is as by default.{rest}"


def _explain(name: str, value: str, error: Exception) -> str:
    shown = value[:60]
    match name:
        case "preset":
            return f"There is no preset “{shown}”. Choose one from the list."
        case "clone" if isinstance(error, RunNotFoundError):
            return f"There is no run “{shown}” to clone here."
        case "clone":
            return f"The run “{shown}” cannot be cloned. {tell(error)}"
    problems = error.problems if isinstance(error, SpecError) else []
    return "The link could not be used. " + " ".join(f"{str(p)[:1].upper()}{str(p)[1:]}." for p in problems[:3])


def write_address(draft: Draft) -> None:
    """Puts the draft's last good spec into the address; the spec that every visit begins with needs none."""
    touched, draft.touched = draft.touched, False
    ADDRESS.write(None if draft.good == PRESETS[FIRST_PRESET].spec else _packed(draft.good), touched)


@lru_cache(maxsize=64)
def _packed(spec: RunSpec) -> str:
    return to_link(spec)


def link_of(spec: RunSpec) -> str:
    """The whole address that opens this spec."""
    base = (st.context.url or "").partition("?")[0].rstrip("/")
    return f"{base}?spec={_packed(spec)}"
