"""The drawings: well formed whatever the network, and true to its map sizes, channels and rates."""

import xml.etree.ElementTree as ElementTree

from hypothesis import given, settings

from core.spec import RunSpec, map_sizes
from core.spec.cost import cost_of
from core.spec.parse import parse_spec
from core.spec.presets import PRESETS
from pages.parts.build import network_drawing
from pages.parts.build.network_drawing import draw_network, stages_of
from pages.parts.build.rate_drawing import draw_rate
from tests.specs import specs as any_specs


def words(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter("text")]


def test_every_stage_shows_its_channels_and_map() -> None:
    spec = PRESETS["report"].spec
    shown = words(draw_network(spec, cost_of(spec)))
    for text in ("3", "16", "32", "128", "256", "10", "32×32", "16×16", "8×8", "2×2", "layer 3", "×2"):
        assert text in shown


def test_a_grey_image_has_one_channel() -> None:
    spec = parse_spec({"data": {"colour": "grey"}})
    assert stages_of(spec, cost_of(spec))[0].channels == 1


@given(any_specs())
@settings(max_examples=60, deadline=None)
def test_any_network_is_drawn_inside_its_frame(spec: RunSpec) -> None:
    cost = cost_of(spec)
    root = ElementTree.fromstring(draw_network(spec, cost))
    for box in root.iter("rect"):
        assert float(box.attrib["width"]) > 0
        assert 0 <= float(box.attrib["x"]) <= network_drawing.WIDTH - float(box.attrib["width"])
        assert 0 <= float(box.attrib["y"]) <= network_drawing.GROUND
    stages = stages_of(spec, cost)
    assert [stage.map_size for stage in stages[1:-2]] == map_sizes(spec.model, spec.data.image_size)


def test_many_blocks_are_drawn_as_a_few_and_counted() -> None:
    spec = PRESETS["resnet56"].spec
    svg = draw_network(spec, cost_of(spec))
    assert words(svg).count("×9") == 3
    assert len(list(ElementTree.fromstring(svg).iter("rect"))) == 3 * network_drawing.MAX_BLOCKS_DRAWN + 4


def test_twelve_layers_have_short_names() -> None:
    layers = [{"channels": 8, "blocks": 1, "stride": 1}] * 12
    spec = parse_spec({"model": {"layers": layers}})
    assert "L12" in words(draw_network(spec, cost_of(spec)))


def test_colours_come_from_the_theme() -> None:
    spec = PRESETS["report"].spec
    assert "#" not in draw_network(spec, cost_of(spec))
    assert "#" not in draw_rate([0.0, 1.0], [0.1, 0.0], 1)
