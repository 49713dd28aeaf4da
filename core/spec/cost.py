"""What a network costs before it is trained, by arithmetic: parameters, multiply-adds, memory; and fitting a budget.

Counted as multiply-adds: every convolution and linear layer, those inside attention too; as torch's own counter does.
Not counted: normalisation, activation, pooling and elementwise products, which are small beside them.

`core/engine/model.py` builds the same network; tests hold the two equal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from core.spec import MAX_PARAMETERS, LayerSpec, ModelSpec, RunSpec, map_sizes, stem_width
from core.spec.choices import OPTIMIZER_COPIES
from core.spec.parse import refuse
from core.spec.parts import (
    BLOCK_COSTS,
    BLOCKS_WITH_BARE_SUM,
    NORM_COSTS,
    POOL_COSTS,
    BlockShape,
    Part,
    activate,
    conv,
    norm_and_act,
)
from core.spec.schedule import ImageSides

DEFAULT_BUDGET = 5_000_000
MAX_CHANNELS = 4096
BYTES_PER_WEIGHT = 4  # weights, gradients and optimizer state stay in float32 whatever the activations are in


@dataclass(frozen=True)
class LayerCost:
    """One row of the cost table; multiply-adds and activation elements are those of one image.

    `channels` and `map_size` are those of the map that leaves the part; for "pool + linear", of the pooled map.
    """

    name: str
    parameters: int
    multiply_adds: int
    activation_elements: int
    channels: int
    map_size: int


@dataclass(frozen=True)
class Cost:
    """The whole network, part by part: stem, each block layer, then pooling with the linear layer."""

    layers: tuple[LayerCost, ...]

    @property
    def parameters(self) -> int:
        return sum(layer.parameters for layer in self.layers)

    @property
    def multiply_adds(self) -> int:
        """For one image, forward."""
        return sum(layer.multiply_adds for layer in self.layers)

    @property
    def activation_elements(self) -> int:
        """Numbers that the backward pass needs of one image."""
        return sum(layer.activation_elements for layer in self.layers)


def cost_of(spec: RunSpec) -> Cost:
    """Parameters, multiply-adds and activations of the spec's network, per layer. Takes well under a millisecond."""
    model = spec.model
    sizes = map_sizes(model, spec.data.image_size)
    channels = stem_width(model, spec.data.num_channels)
    rows = [_row("stem", _stem(spec, sizes[0]), channels, sizes[0])]
    for number, (layer, before, after) in enumerate(zip(model.layers, sizes, sizes[1:], strict=False), 1):
        rows.append(_row(f"layer {number}", _layer(model, layer, channels, before, after), layer.channels, after))
        channels = layer.channels
    part, pooled = _head(model, sizes[-1], spec.data.num_classes), sizes[-1] // model.pool_size
    rows.append(_row("pool + linear", part, channels, pooled))
    return Cost(tuple(rows))


def training_multiply_adds(spec: RunSpec) -> float:
    """Multiply-adds of one training image forward, as the mean over a training whose images may grow."""
    sides = ImageSides(spec.train, spec.data.image_size).shares().items()
    return sum(share * _multiply_adds_at(spec, side) for side, share in sides)


def _multiply_adds_at(spec: RunSpec, side: int) -> int:
    """Of an image of this side; the linear layer sees as many features as of a full one."""
    smaller = spec.model_copy(update={"data": spec.data.model_copy(update={"image_size": side})})
    *parts, _ = cost_of(smaller).layers
    return sum(part.multiply_adds for part in parts) + cost_of(spec).layers[-1].multiply_adds


def _row(name: str, part: Part, channels: int, size: int) -> LayerCost:
    return LayerCost(name, part.parameters, part.multiply_adds, part.kept, channels, size)


def _stem(spec: RunSpec, size: int) -> Part:
    model, given = spec.model, spec.data.num_channels
    if model.stem == "whitening":
        return _whiten(spec, size)
    keeps = NORM_COSTS[model.norm].keeps_input
    part = Part(kept=given * spec.data.image_size**2)
    part += conv(given, model.stem_channels, model.stem_filter, size, keeps_output=keeps)
    if model.block not in BLOCKS_WITH_BARE_SUM:
        part += _norm_and_act(model, model.stem_channels, size)
    return part


def _whiten(spec: RunSpec, size: int) -> Part:
    """Of its parameters only the biases are trained; torch keeps the images all the same."""
    model, given = spec.model, spec.data.num_channels
    channels = stem_width(model, given)
    weights = given * model.patch_size**2 * channels
    stem = Part(channels, weights * size**2, given * spec.data.image_size**2)
    if model.block in BLOCKS_WITH_BARE_SUM and model.layer_start == "block" and not NORM_COSTS[model.norm].keeps_input:
        return stem + Part(kept=channels * size**2)  # nothing that follows keeps the activation's output
    return stem + activate(model.activation, channels, size)


def _norm_and_act(model: ModelSpec, channels: int, size: int) -> Part:
    return norm_and_act(model.norm, model.activation, channels, size, scaled=model.norm_scale)


def _layer(model: ModelSpec, layer: LayerSpec, channels: int, before: int, after: int) -> Part:
    """B blocks: the first, or a convolution before it, changes channels and map size; the others repeat."""
    first = BlockShape(
        channels=channels,
        out=layer.channels,
        before=before,
        after=after,
        stride=layer.stride,
        filter_size=layer.filter_size,
        skip_kernel=layer.skip_kernel,
        activation=model.activation,
        attention=model.attention,
        attention_reduction=model.attention_reduction,
        downsampling=model.downsampling,
        norm_kind=model.norm,
        scaled_norms=model.norm_scale,
        expansion=model.expansion,
        drops=model.block_dropout > 0,
    )
    later = replace(first, channels=layer.channels, before=after, stride=1)
    cost = BLOCK_COSTS[model.block]
    if model.layer_start == "convolution":
        return _enter(model, first, is_first=layer is model.layers[0]) + cost(later) * layer.blocks
    return cost(first) + cost(later) * (layer.blocks - 1)


def _enter(model: ModelSpec, shape: BlockShape, *, is_first: bool) -> Part:
    """The convolution with which a layer begins. A bare sum is normalised by the next block."""
    part = shape.shrink()
    if model.block not in BLOCKS_WITH_BARE_SUM:
        return part + shape.norm_and_act(shape.out, shape.after)
    # The bare map before it is kept for its weights, where no normalisation or activation has counted it.
    is_counted = shape.norm_keeps or (is_first and model.stem == "whitening")
    return part if is_counted else part + Part(kept=shape.channels * shape.before**2)


def _head(model: ModelSpec, size: int, num_classes: int) -> Part:
    channels, pooled = model.layers[-1].channels, size // model.pool_size
    features = channels * pooled**2
    part = Part((features + model.head_bias) * num_classes, features * num_classes, features)
    if model.block in BLOCKS_WITH_BARE_SUM:
        part += _norm_and_act(model, channels, size)
    return part + POOL_COSTS[model.pool_kind](channels, size, pooled)


def training_memory(spec: RunSpec, cost: Cost, bytes_per_value: int = 4) -> int:
    """Bytes that training holds at its peak, estimated: weights, gradients, optimizer state, average, activations.

    `bytes_per_value` is that of the activations: 4 in float32, 2 in bfloat16 (where the weights also have a copy of 2
    bytes each). What a convolution needs as workspace, and the images themselves, come on top.
    """
    copies = (
        2
        + OPTIMIZER_COPIES[spec.train.optimizer](spec.train.momentum)
        + (spec.train.ema_decay > 0)
        + (spec.train.lookahead_steps > 0)
    )
    weight_bytes = copies * BYTES_PER_WEIGHT + (bytes_per_value if bytes_per_value < BYTES_PER_WEIGHT else 0)
    return cost.parameters * weight_bytes + cost.activation_elements * spec.train.batch_size * bytes_per_value


def marginal_parameters(spec: RunSpec) -> list[tuple[int, int]]:
    """For every block layer, the parameters that one more block, and that 16 more channels, would add."""
    now = cost_of(spec).parameters
    return [
        (
            cost_of(_with_layer(spec, index, blocks=layer.blocks + 1)).parameters - now,
            cost_of(_with_layer(spec, index, channels=layer.channels + 16)).parameters - now,
        )
        for index, layer in enumerate(spec.model.layers)
    ]


def _with_layer(spec: RunSpec, index: int, **changes: int) -> RunSpec:
    layers = list(spec.model.layers)
    layers[index] = layers[index].model_copy(update=changes)
    return spec.model_copy(update={"model": spec.model.model_copy(update={"layers": tuple(layers)})})


def fit_to_budget(spec: RunSpec, budget: int = DEFAULT_BUDGET) -> RunSpec:
    """The same network, narrower or wider: all channels times one factor, as close under `budget` parameters as fits.

    Channels of 16 and more become multiples of 8. What the common factor leaves of the budget goes to single widths,
    one step each, so the proportions stay. Raises SpecError if one channel everywhere is already too much.
    """
    budget = min(budget, MAX_PARAMETERS)
    wanted = [spec.model.stem_channels, *(layer.channels for layer in spec.model.layers)]

    def count(channels: list[int]) -> int:
        return cost_of(_with_channels(spec, channels)).parameters

    least = count([1] * len(wanted))
    if least > budget:
        message = f"even with one channel everywhere there are {least:,} parameters; the budget is {budget:,}"
        raise refuse("model.layers", message)
    widest = MAX_CHANNELS / max(wanted)
    if count(_scaled(wanted, widest)) <= budget:
        return _with_channels(spec, _scaled(wanted, widest))
    return _with_channels(spec, _fill(wanted, _scale_to_fit(wanted, widest, count, budget), count, budget))


def _scale_to_fit(wanted: list[int], high: float, count: Callable[[list[int]], int], budget: int) -> list[int]:
    """The channels times the largest factor below `high` that fits, by bisection.

    A wider network has more parameters, but for one case: where rounding makes two neighbours equally wide, the
    convolution between them on the skip connection disappears. Then a factor beyond the one found may fit as well.
    """
    low = 0.0
    # Two factors that round to the same channels need no finer answer.
    while high - low > 1e-9 * high and _scaled(wanted, low) != _scaled(wanted, high):
        middle = (low + high) / 2
        low, high = (middle, high) if count(_scaled(wanted, middle)) <= budget else (low, middle)
    return _scaled(wanted, low)


def _fill(wanted: list[int], channels: list[int], count: Callable[[list[int]], int], budget: int) -> list[int]:
    """Widens single widths by one step each, the widest first, if that comes closer to the budget.

    Parts that shared a width go on sharing it: between them the skip connection is the identity.
    """
    for width in sorted(set(wanted), reverse=True):
        wider = [
            min(MAX_CHANNELS, _next_width(now)) if first == width else now
            for first, now in zip(wanted, channels, strict=True)
        ]
        if count(channels) < count(wider) <= budget:
            channels = wider
    return channels


def _scaled(channels: list[int], factor: float) -> list[int]:
    return [_round_width(count * factor) for count in channels]


def _round_width(width: float) -> int:
    """A multiple of 8 from 16 on, where GPUs are quicker with them; below, any whole number from 1."""
    return 8 * round(width / 8) if width >= 16 else max(1, round(width))


def _next_width(width: int) -> int:
    return width + 8 if width >= 16 else width + 1


def _with_channels(spec: RunSpec, channels: list[int]) -> RunSpec:
    pairs = zip(spec.model.layers, channels[1:], strict=True)
    layers = tuple(layer.model_copy(update={"channels": count}) for layer, count in pairs)
    model = spec.model.model_copy(update={"stem_channels": channels[0], "layers": layers})
    return spec.model_copy(update={"model": model})
