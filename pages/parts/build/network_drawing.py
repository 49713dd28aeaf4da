"""A compact drawing of a network: every stage as a box, tall as its map and wide as its channels, with both written."""

from __future__ import annotations

import math
from dataclasses import dataclass

from core.spec import CHOICE_LABELS, LayerSpec, ModelSpec, RunSpec
from core.spec.cost import Cost

WIDTH, HEIGHT = 480, 134
CENTRE = 54  # of the boxes, from the top
GROUND = 92  # the text is below
MAX_BOX, MIN_BOX = 64.0, 12.0
MAX_BLOCKS_DRAWN = 5
MUTED = ' fill="var(--lab-muted)"'


@dataclass(frozen=True)
class Stage:
    """One box of the drawing; `blocks` is 0 where there are none."""

    name: str
    channels: int
    map_size: int
    blocks: int
    detail: str


def stages_of(spec: RunSpec, cost: Cost) -> list[Stage]:
    """Image, stem, block layers, pooling and classes, with the map that leaves each."""
    model = spec.model
    stem, *layers, head = cost.layers
    stages = [Stage("image", spec.data.num_channels, spec.data.image_size, 0, "")]
    stages.append(Stage("stem", stem.channels, stem.map_size, 0, _describe_stem(model)))
    for number, (layer, row) in enumerate(zip(model.layers, layers, strict=True), 1):
        detail = (
            f"{layer.blocks} {CHOICE_LABELS[model.block].lower()} blocks, filter {layer.filter_size}, "
            f"skip kernel {layer.skip_kernel}, {_describe_start(model, layer)}"
        )
        stages.append(Stage(f"layer {number}", row.channels, row.map_size, layer.blocks, detail))
    pool = f"{CHOICE_LABELS[model.pool_kind].lower()} pooling {model.pool_size}×{model.pool_size}"
    stages.append(Stage("pool", head.channels, head.map_size, 0, pool))
    stages.append(Stage("classes", spec.data.num_classes, 1, 0, "linear layer"))
    return stages


def _describe_stem(model: ModelSpec) -> str:
    if model.stem == "whitening":
        return f"whitening of {model.patch_size}×{model.patch_size} patches"
    return f"convolution {model.stem_filter}×{model.stem_filter}"


def _describe_start(model: ModelSpec, layer: LayerSpec) -> str:
    """How a layer changes map and channels: `stride 2`, or `max pooling 2×2 after a convolution`."""
    how = f"stride {layer.stride}"
    if model.downsampling != "stride" and layer.stride > 1:
        how = f"{CHOICE_LABELS[model.downsampling].lower()} pooling {layer.stride}×{layer.stride}"
    return f"{how} after a convolution" if model.layer_start == "convolution" else how


def draw_network(spec: RunSpec, cost: Cost) -> str:
    """The drawing as SVG; its colours are the page's CSS variables, so it follows the theme."""
    stages = stages_of(spec, cost)
    step = WIDTH / len(stages)
    largest = max(stage.map_size for stage in stages)
    boxes = [_draw_stage(stage, step * (index + 0.5), step, largest) for index, stage in enumerate(stages)]
    arrows = [
        f'<path d="M{step * index - 3:.1f} {CENTRE - 3} l3.5 3 l-3.5 3" fill="none" stroke="var(--lab-faint)" />'
        for index in range(1, len(stages))
    ]
    title = "Network: " + ", ".join(f"{s.name} {s.channels}×{s.map_size}×{s.map_size}" for s in stages)
    return (
        f'<div class="lab-drawing"><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}">'
        f"{''.join(arrows)}{''.join(boxes)}</svg></div>"
    )


def _draw_stage(stage: Stage, centre: float, step: float, largest: int) -> str:
    # The square root keeps a 2x2 map visible beside a 256x256 one.
    height = max(MIN_BOX, MAX_BOX * math.sqrt(stage.map_size / largest))
    room = step - 10
    width = min(room, max(6.0, room * math.log2(stage.channels + 1) / 12))
    parts = [f"<title>{stage.name}: {stage.detail or 'input'}, {stage.channels} channels</title>"]
    if stage.blocks:
        parts += _draw_blocks(stage, centre, width, height)
    else:
        parts.append(_box(centre - width / 2, CENTRE - height / 2, width, height, "var(--lab-line)"))
    size = f"{stage.map_size}×{stage.map_size}" if stage.name != "classes" else "linear"
    name, letters = (stage.name.replace("layer ", "L"), 9.0) if step < 48 else (stage.name, 10.5)
    parts.append(draw_text(centre, GROUND + 10, str(stage.channels), 12, ' fill="var(--lab-text)" font-weight="600"'))
    parts.append(draw_text(centre, GROUND + 24, size, letters))
    parts.append(draw_text(centre, GROUND + 37, name, letters))
    return f"<g>{''.join(parts)}</g>"


def _draw_blocks(stage: Stage, centre: float, width: float, height: float) -> list[str]:
    """The blocks side by side, an arc over each for its skip connection; many are drawn as a few and counted."""
    drawn = min(stage.blocks, MAX_BLOCKS_DRAWN)
    gap = 2.0
    each = max(2.0, (width - gap * (drawn - 1)) / drawn)
    left, top = centre - (each * drawn + gap * (drawn - 1)) / 2, CENTRE - height / 2
    parts = []
    for index in range(drawn):
        x = left + index * (each + gap)
        parts.append(_box(x, top, each, height, "var(--lab-accent)"))
        parts.append(
            f'<path d="M{x + 0.5:.1f} {top - 2:.1f} q{each / 2 - 0.5:.1f} -8 {each - 1:.1f} 0" fill="none" '
            f'stroke="var(--lab-faint)" />'
        )
    parts.append(draw_text(centre, top - 10, f"×{stage.blocks}"))
    return parts


def _box(x: float, y: float, width: float, height: float, stroke: str) -> str:
    fill = "var(--lab-accent-soft)" if "accent" in stroke else "var(--lab-panel)"
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="1.5" fill="{fill}" '
        f'stroke="{stroke}" />'
    )


def draw_text(x: float, y: float, text: str, size: float = 10.5, look: str = MUTED, anchor: str = "middle") -> str:
    """A line of text as SVG; `look` holds further attributes."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"{look}>{text}</text>'
