"""The spec that is being shaped on the Build page: kept in the session, apart from any widget, so nothing is lost."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from core.data.folder import inspect_folder
from core.data.store import DataError
from core.spec import ModelSpec, RunSpec, map_sizes
from core.spec.fields import field_at
from core.spec.parse import FieldProblem, SpecError, parse_spec
from core.spec.presets import PRESETS

KEY = "build.draft"
# Keys of the form's widgets begin with this.
WIDGETS = "build.field"
FIRST_PRESET = "first-look"


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
    folder_note: str = ""

    def check(self) -> None:
        """Brings `good` and `problems` up to date with `values`."""
        text = json.dumps(self.values)
        if text == self.checked:
            return
        self.checked, self.folder_note = text, ""
        try:
            self._read_folder()
            self.good, self.problems = parse_spec(self.values), []
        except SpecError as error:
            self.problems = error.problems
        except DataError as error:
            self.problems = [FieldProblem("data.folder", str(error).rstrip("."), self.values["data"]["folder"])]

    def _read_folder(self) -> None:
        """The number of classes is counted in the image folder, not asked for. Raises DataError."""
        data = self.values["data"]
        if data["dataset"] != "folder" or not data["folder"].strip():
            return
        found = inspect_folder(data["folder"])
        data["folder_classes"] = len(found.classes)
        self.checked = json.dumps(self.values)
        test = "no test images of its own" if found.num_test is None else f"{found.num_test:,} to test"
        self.folder_note = f"{len(found.classes)} classes, {found.num_train:,} images to train, {test}"

    def replace(self, spec: RunSpec, preset: str = "") -> None:
        """Takes another spec in; the widgets are filled again."""
        self.values = spec.model_dump(mode="json")
        self.rows = [self._next_row() + place for place in range(len(spec.model.layers))]
        self.good, self.problems, self.preset, self.touched = spec, [], preset, True
        self.generation += 1

    def widget_key(self, name: str) -> str:
        return f"{WIDGETS}.{self.generation}.{name}"

    def is_current(self, key: str) -> bool:
        """Whether a widget's news are of this draft, and not of one that was replaced or of a row that is gone."""
        return key.startswith(f"{WIDGETS}.{self.generation}.") and key in st.session_state

    def set_value(self, section: str, name: str, value: Any) -> None:
        self.values[section][name] = value
        self.touched = True

    def set_layer(self, row: int, name: str, value: Any) -> None:
        self.layers[self.rows.index(row)][name] = value
        self.touched = True

    @property
    def layers(self) -> list[dict[str, Any]]:
        layers: list[dict[str, Any]] = self.values["model"]["layers"]
        return layers

    def add_layer(self) -> None:
        """A layer of twice the channels below the last; it halves the map where the pooling still fits."""
        last = self.layers[-1]
        size = map_sizes(self.good.model, self.good.data.image_size)[-1]
        halves = (size + 1) // 2 >= self.good.model.pool_size
        limit = int(field_at("layers[].channels").high or 1)
        channels = min(2 * (last["channels"] or limit), limit)
        self._insert(len(self.rows), {**last, "channels": channels, "stride": 2 if halves else 1})

    def duplicate_layer(self, row: int) -> None:
        """The same layer once more below it; the copy keeps the map's size."""
        place = self.rows.index(row)
        self._insert(place + 1, {**self.layers[place], "stride": 1})

    def remove_layer(self, row: int) -> None:
        place = self.rows.index(row)
        del self.values["model"]["layers"][place], self.rows[place]
        self.touched = True

    def _insert(self, place: int, layer: dict[str, Any]) -> None:
        self.values["model"]["layers"].insert(place, layer)
        self.rows.insert(place, self._next_row())
        self.touched = True

    def _next_row(self) -> int:
        return max(self.rows, default=-1) + 1

    def problems_at(self, path: str) -> list[FieldProblem]:
        """What is wrong at a field, or inside it: `train.milestones` also has those of `train.milestones[1]`."""
        return [p for p in self.problems if p.path == path or p.path.startswith((path + "[", path + "."))]


def max_layers() -> int:
    """How many block layers a network may have."""
    marks = ModelSpec.model_fields["layers"].metadata
    return next(int(mark.max_length) for mark in marks if hasattr(mark, "max_length"))


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
