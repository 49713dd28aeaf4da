"""Studies over every field, and what is wrong with others."""

from typing import Any

import pytest
from hypothesis import strategies as st

from core.spec import SECTIONS
from core.spec.fields import fields_of
from core.spec.parse import SpecError
from core.studies.space import Dimension, Value, default_dimension
from core.studies.spec import STUDY_PRESETS, StudySpec, parse_study
from tests.strategies import run_specs

REPORT = STUDY_PRESETS["report"]


def report(**changes: Any) -> dict[str, Any]:
    return {**REPORT.model_dump(mode="json"), **changes}


def problems_of(**changes: Any) -> list[str]:
    with pytest.raises(SpecError) as caught:
        parse_study(report(**changes))
    return [str(problem) for problem in caught.value.problems]


def space_problems(*dimensions: Any, **changes: Any) -> list[str]:
    return problems_of(space=list(dimensions), **changes)


def ranged(path: str, low: float, high: float, **more: Any) -> dict[str, Any]:
    return {"path": path, "low": low, "high": high, **more}


SEARCHABLE = [
    *[field.path for section in SECTIONS for field in fields_of(section) if field.kind not in ("text", "ints")],
    *[f"model.layers[*].{field.name}" for field in fields_of("layers[]")],
    *[f"model.layers[0].{field.name}" for field in fields_of("layers[]")],
]
TASK = {"dataset", "folder_classes", "val_fraction", "test_fraction", "split_seed", "damaged", "cap_held_out"}
SEARCHABLE = [path for path in SEARCHABLE if not (path.startswith("data.") and path.split(".")[1] in TASK)]


@st.composite
def spaces(draw: st.DrawFn) -> tuple[StudySpec, dict[str, Value]]:
    """A study over some fields, and a point of its space."""
    spec = draw(run_specs(validated=True))
    paths = draw(st.lists(st.sampled_from(SEARCHABLE), min_size=1, max_size=6, unique=True))
    # One of a layer's field and of all layers' same field.
    paths = [path for path in paths if path.replace("[0]", "[*]") == path or path.replace("[0]", "[*]") not in paths]
    space = tuple(default_dimension(spec, path) for path in paths)
    point = {dimension.path: draw(_value(dimension)) for dimension in space}
    return StudySpec(base=spec, space=space, budget=0), point


def _value(dimension: Dimension) -> st.SearchStrategy[Any]:
    values = dimension.values()
    return st.floats(dimension.low, dimension.high) if values is None else st.sampled_from(values)
