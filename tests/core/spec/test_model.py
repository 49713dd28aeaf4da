"""The network's part of a spec: strides that fill themselves in, sizes that follow, and what is refused."""

from typing import Any

import pytest

from core.spec import LayerSpec, ModelSpec, map_sizes
from core.spec.parse import parse_spec
from tests.core.spec.reading import problems_of


def test_a_layer_without_a_stride_gets_one_by_its_place() -> None:
    spec = parse_spec({"model": {"layers": [{}, {}, {"stride": 1}]}, "data": {"image_size": 32}})
    assert [layer.stride for layer in spec.model.layers] == [1, 2, 1]
    assert map_sizes(spec.model, 32) == [32, 32, 16, 16]


def test_a_whitening_cuts_the_border_and_pooling_leaves_out_what_is_over() -> None:
    layers = (LayerSpec(stride=2), LayerSpec(stride=2), LayerSpec(stride=2))
    model = ModelSpec(stem="whitening", downsampling="max", layers=layers)
    assert map_sizes(model, 32) == [31, 15, 7, 3]
    assert map_sizes(model, 16) == [15, 7, 3, 1]


def test_map_sizes_follow_the_strides_also_of_odd_maps() -> None:
    model = ModelSpec(layers=(LayerSpec(stride=2), LayerSpec(stride=3), LayerSpec(stride=1)))
    assert map_sizes(model, 33) == [33, 17, 6, 6]


@pytest.mark.parametrize(
    ("sections", "sentence"),
    [
        ({"model": {"layers": []}}, "model.layers = []: must have at least 1 entry"),
        ({"model": {"layers": [0] * 13}}, f"model.layers = {[0] * 13}: must have at most 12 entries"),
        ({"model": {"layers": [{"channels": 0}]}}, "model.layers[0].channels = 0: must be at least 1"),
        (
            {"model": {"layers": [{}, {"chanels": 8}]}},
            "model.layers[1].chanels: is no field of a spec; did you mean channels?",
        ),
        (
            {"model": {"layers": [{"filter_size": 4}]}},
            "model.layers[0].filter_size = 4: must be odd, so that padding keeps the size",
        ),
        ({"model": {"stem_filter": False}}, "model.stem_filter = false: must be a whole number"),
    ],
)
def test_a_refusal_is_a_sentence_that_names_the_field(sections: dict[str, Any], sentence: str) -> None:
    assert problems_of(**sections) == [sentence]
