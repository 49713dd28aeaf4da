"""What a branch may change: a run that goes on from another's checkpoint keeps its weights' shapes and its images.

This is the one place that says so. `FREE` are sections and fields that leave both alone; of the others each has the
reason why it is kept. A run that takes the weights alone may have other images.
"""

from __future__ import annotations

from typing import Literal

from core.spec import RunSpec
from core.spec.fields import LAYERS, differing, flatten, format_value
from core.spec.parse import FieldProblem

FREE = (
    *("train.", "augment.", "data.folder"),
    *(f"model.{name}" for name in ("dropout", "block_dropout", "identity_filters", "stochastic_depth", "activation")),
    *(f"model.{name}" for name in ("norm_groups", "norm_momentum", "norm_epsilon", "head_scale")),
)
# Of these only some choices have weights of their own.
WITHOUT_WEIGHTS = {"model.pool_kind": ("average", "max")}
# Weights alone may go to other images: what has to stay is the network up to its linear layer, which may begin anew.
FREE_OF_WEIGHTS = (*FREE, "data.", "model.pool_size")
# Whatever the images show, the first filters are as deep as these have channels.
_DEPTH = "data.colour"
# Of the same images, which of them are held out.
_SPLIT = frozenset(
    f"data.{name}"
    for name in (
        *("folder_parts", "val_fraction", "test_fraction", "split_seed", "max_train_images", "cap_held_out"),
        "without",  # the images that are left are split anew
    )
)
_SHAPES = "must stay {was} in a branch: the checkpoint's weights have the shapes that it gives"
_IMAGES = "must stay {was} in a branch: the weights may have learnt images that would be held out then"

Scalar = str | int | float | bool | None
Use = Literal["line", "weights"]


def is_free(path: str, use: Use = "line") -> bool:
    """Whether a branch may have another value at `train.learning_rate` or `model.layers[0].channels`."""
    if path == _DEPTH:
        return False
    free = FREE if use == "line" else FREE_OF_WEIGHTS
    return path in (*free, *WITHOUT_WEIGHTS) or path.startswith(tuple(each for each in free if each.endswith(".")))


def find_obstacles(parent: RunSpec, spec: RunSpec, epoch: int, use: Use = "line") -> list[FieldProblem]:
    """What keeps a run of `spec` from beginning after this epoch of a run of `parent`; one entry a field."""
    problems = []
    if len(parent.model.layers) != len(spec.model.layers):
        problems.append(FieldProblem(LAYERS, _SHAPES.format(was=len(parent.model.layers)), len(spec.model.layers)))
    was, now = flatten(parent), flatten(spec)
    splits = _SPLIT if use == "weights" and _has_same_images(parent, spec) else frozenset()
    for path in differing([parent, spec]):
        if path not in was or path not in now:
            continue
        if path not in splits and is_free(path, use) and _fits(path, was[path], now[path]):
            continue
        why = _IMAGES if path.startswith("data.") and path not in ("data.image_size", _DEPTH) else _SHAPES
        problems.append(FieldProblem(path, why.format(was=format_value(was[path])), now[path]))
    if use == "line" and spec.train.epochs <= epoch:
        message = f"must be more than {epoch:,}: the branch begins after epoch {epoch:,}"
        problems.append(FieldProblem("train.epochs", message, spec.train.epochs))
    return problems


def _has_same_images(parent: RunSpec, spec: RunSpec) -> bool:
    was, now = parent.data, spec.data
    return was.dataset == now.dataset and (was.dataset != "folder" or was.folder.rstrip("/") == now.folder.rstrip("/"))


def _fits(path: str, was: object, now: object) -> bool:
    return path not in WITHOUT_WEIGHTS or (was in WITHOUT_WEIGHTS[path] and now in WITHOUT_WEIGHTS[path])


def list_changes(parent: RunSpec, spec: RunSpec) -> dict[str, list[Scalar]]:
    """By its path what a branch changes: what it was, and what it is from then on; lists as text."""
    was, now = flatten(parent), flatten(spec)
    return {path: [_to_scalar(was.get(path)), _to_scalar(now.get(path))] for path in differing([parent, spec])}


def _to_scalar(value: object) -> Scalar:
    return value if value is None or isinstance(value, str | int | float | bool) else format_value(value)
