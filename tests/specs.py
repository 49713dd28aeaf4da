"""Hypothesis strategies for specs: every field anywhere in its range, as long as the whole is a spec that can run."""

from typing import Any

from hypothesis import strategies as st

from core.spec import RunSpec
from core.spec.fields import SpecField, fields_of
from core.spec.parse import parse_spec
from core.spec.settings import apply_settings


def values_of(field: SpecField) -> st.SearchStrategy[Any]:
    """Any value in the field's own range; lists apart."""
    match field.kind:
        case "int":
            return st.integers(int(field.low or 0), int(field.high or 0))
        case "float":
            return st.floats(field.low, field.high, allow_nan=False)
        case "bool":
            return st.booleans()
        case "choice":
            return st.sampled_from(field.choices)
        case "text":
            return st.sampled_from(["auto", "cpu", "mps", "cuda", "cuda:0", "cuda:15"])
        case _:
            raise AssertionError(f"no value for {field.path}")


def odd(low: int, high: int) -> st.SearchStrategy[int]:
    return st.integers(low // 2, high // 2).map(lambda half: 2 * half + 1)


@st.composite
def spec_dicts(draw: st.DrawFn) -> dict[str, dict[str, Any]]:
    """A dict of a runnable spec that names every field."""
    data = {field.name: draw(values_of(field)) for field in fields_of("data") if field.name != "folder"}
    data["val_fraction"] = max(data["val_fraction"], 0.01)  # without, early stops and goals are refused
    data["folder"] = draw(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)) + "x"
    data["folder_parts"] = draw(st.sampled_from(["", "classes", "train=a, b, val=c", "test=é, skip=d"]))
    data["without"] = draw(st.sampled_from(["", "0123456789abcdef"]))
    size = data["image_size"]

    model = {field.name: draw(values_of(field)) for field in fields_of("model") if field.kind != "layers"}
    model |= {"stem_channels": draw(st.integers(1, 64)), "stem_filter": draw(odd(1, 15))}
    model["layers"] = []
    last = size - model["patch_size"] + 1 if model["stem"] == "whitening" else size
    for _ in range(draw(st.integers(1, 5))):
        stride = draw(st.integers(1, min(4, last)))
        last = (last - 1) // stride + 1 if model["downsampling"] == "stride" else last // stride
        layer = {"blocks": draw(st.integers(1, 4)), "channels": draw(st.integers(1, 96)), "stride": stride}
        model["layers"].append(layer | {"filter_size": draw(odd(1, 9)), "skip_kernel": draw(odd(1, 5))})
    # A linear layer over a large map for thousands of classes would be over the limit of weights.
    model["pool_size"] = draw(st.integers(max(1, last // 8), last))

    augment = {field.name: draw(values_of(field)) for field in fields_of("augment")}
    augment |= {"crop_padding": draw(st.integers(0, min(64, size - 1))), "cutout": draw(st.integers(0, size))}

    train = {field.name: draw(values_of(field)) for field in fields_of("train") if field.kind != "ints"}
    train["milestones"] = sorted(draw(st.sets(st.integers(1, 10_000), max_size=6)))
    train["warmup_epochs"] = min(train["warmup_epochs"], (train["epochs"] - 1 + train["last_epoch"]) / 2)
    train["momentum"] = max(train["momentum"], 0.1)
    train["first_side"] = size  # of a smaller one the strides might leave nothing
    return {"model": model, "data": data, "augment": augment, "train": train}


def specs() -> st.SearchStrategy[RunSpec]:
    """Any spec that can run; at most a few million parameters."""
    return spec_dicts().map(parse_spec)


def change(spec: RunSpec, *settings: str) -> RunSpec:
    """The spec with some fields set, as `train.epochs=2`."""
    return parse_spec(apply_settings(spec.model_dump(mode="json"), list(settings)))
