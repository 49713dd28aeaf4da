"""Norms of layers: a panel for each part of the network, and a dead layer at the bottom."""

from __future__ import annotations

import json

import pytest

from core.compare.norms import draw_norms, list_parts, name_layer
from core.compare.snapshot import read_run
from core.system import files
from tests.core.compare.drawn import unpack
from tests.pages.sample_runs import make_rows, make_run

pytestmark = pytest.mark.usefixtures("lab_folders")
LAYERS = {"stem": 1.0, "layers.0.0.body.0": 0.0, "layers.1.0.body.0": 100.0}


def make_noted() -> str:
    run = make_run()
    kinds = ("weights", "gradients", "updates")
    norms = {f"norms/{layer}/{kind}": value for layer, value in LAYERS.items() for kind in kinds}
    (run.path / "metrics.jsonl").write_bytes(b"".join(files.to_line({**row, **norms}) for row in make_rows(3)))
    return run.id


def test_layers_stand_in_the_part_of_the_network_that_they_are_in() -> None:
    assert list_parts(read_run(make_noted())) == {
        "Stem": ["stem"],
        "Layer 1": ["layers.0.0.body.0"],
        "Layer 2": ["layers.1.0.body.0"],
    }
    assert list_parts(read_run(make_run().id)) == {}


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        ("stem", "Stem"),
        ("layers.0.1.body.0", "Layer 1, block 2, convolution 1"),
        ("layers.2.0.body.3", "Layer 3, block 1, convolution 2"),
        ("layers.1.0.skip", "Layer 2, block 1, skip"),
        ("head", "Head"),
    ],
)
def test_a_layer_has_the_name_that_people_use(layer: str, name: str) -> None:
    assert name_layer(layer) == name


def test_a_norm_of_zero_stands_at_the_bottom_and_tells_zero() -> None:
    figure = json.loads(draw_norms(read_run(make_noted())).figure)
    dead = [trace for trace in figure["data"] if "layers.0.0.body.0" in trace["meta"]["series"]]
    assert len(dead) == 3
    assert all(unpack(trace["y"]) == pytest.approx(0.1) for trace in dead)  # a tenth of the smallest that is above it
    assert all(set(unpack(trace["customdata"])) == {0.0} for trace in dead)
    assert len(figure["data"]) == 9


def test_layers_of_a_part_are_told_apart_by_dashes_as_faint_lines_would_not_be_seen() -> None:
    run = make_run()
    layers = [f"layers.0.{block}.body.{place}" for block in (0, 1) for place in (0, 3)]
    norms = {f"norms/{layer}/{kind}": 1.0 for layer in layers for kind in ("weights", "gradients", "updates")}
    (run.path / "metrics.jsonl").write_bytes(b"".join(files.to_line({**row, **norms}) for row in make_rows(3)))
    lines = json.loads(draw_norms(read_run(run.id)).figure)["data"][:4]
    assert len({line["line"]["dash"] for line in lines}) == 4
    assert all(line.get("opacity", 1) == 1 for line in lines)
