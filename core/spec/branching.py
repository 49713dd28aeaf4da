"""What a branch may change: a run that goes on from another's checkpoint keeps its weights' shapes and its images.

This is the one place that says so. `FREE` are sections and fields that leave both alone; of the others each has the
reason why it is kept.
"""

from __future__ import annotations

from core.spec import RunSpec
from core.spec.fields import LAYERS, differing, flatten, format_value
from core.spec.parse import FieldProblem

FREE = ("train.", "augment.", "model.dropout", "model.stochastic_depth", "model.activation", "data.folder")
# Of these only some choices have weights of their own.
WITHOUT_WEIGHTS = {"model.pool_kind": ("average", "max")}
_SHAPES = "must stay {was} in a branch: the checkpoint's weights have the shapes that it gives"
_IMAGES = "must stay {was} in a branch: the weights may have learnt images that would be held out then"

Scalar = str | int | float | bool | None


def is_free(path: str) -> bool:
    """Whether a branch may have another value at `train.learning_rate` or `model.layers[0].channels`."""
    return path in (*FREE, *WITHOUT_WEIGHTS) or path.startswith(tuple(each for each in FREE if each.endswith(".")))


def find_obstacles(parent: RunSpec, spec: RunSpec, epoch: int) -> list[FieldProblem]:
    """What keeps a run of `spec` from going on after this epoch of a run of `parent`; one entry a field."""
    problems = []
    if len(parent.model.layers) != len(spec.model.layers):
        problems.append(FieldProblem(LAYERS, _SHAPES.format(was=len(parent.model.layers)), len(spec.model.layers)))
    was, now = flatten(parent), flatten(spec)
    for path in differing([parent, spec]):
        if path not in was or path not in now or (is_free(path) and _fits(path, was[path], now[path])):
            continue
        why = _IMAGES if path.startswith("data.") and path != "data.image_size" else _SHAPES
        problems.append(FieldProblem(path, why.format(was=format_value(was[path])), now[path]))
    if spec.train.epochs <= epoch:
        message = f"must be more than {epoch:,}: the branch begins after epoch {epoch:,}"
        problems.append(FieldProblem("train.epochs", message, spec.train.epochs))
    return problems


def _fits(path: str, was: object, now: object) -> bool:
    return path not in WITHOUT_WEIGHTS or (was in WITHOUT_WEIGHTS[path] and now in WITHOUT_WEIGHTS[path])


def list_changes(parent: RunSpec, spec: RunSpec) -> dict[str, list[Scalar]]:
    """By its path what a branch changes: what it was, and what it is from then on; lists as text."""
    was, now = flatten(parent), flatten(spec)
    return {path: [_to_scalar(was.get(path)), _to_scalar(now.get(path))] for path in differing([parent, spec])}


def _to_scalar(value: object) -> Scalar:
    return value if value is None or isinstance(value, str | int | float | bool) else format_value(value)
