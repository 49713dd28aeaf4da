"""Optimizers: which weights decay, and the fused form of each update."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer
from torch.optim.swa_utils import AveragedModel

from core.engine.muon import Muon
from core.spec import TrainSpec

Groups = list[dict[str, Any]]


def _build_muon(train: TrainSpec, groups: Groups, graphs: bool, common: dict[str, Any]) -> Optimizer:
    """Convolutions' weights to Muon, everything else in its group to AdamW."""
    filters = [p for group in groups for p in group["params"] if p.ndim == 4]
    others = [{**group, "params": [p for p in group["params"] if p.ndim != 4]} for group in groups]
    return Muon(
        filters,
        [group for group in others if group["params"]],
        momentum=train.momentum,
        nesterov=train.nesterov,
        weight_decay=train.weight_decay,
        iterations=train.muon_iterations,
        normalized=train.muon_normalized,
        capturable=graphs,
        **common,
    )


# By the name in a spec. `graphs`: whether the step must be fit for CUDA graphs; `common`: its rate, and `fused`.
OPTIMIZERS: dict[str, Callable[[TrainSpec, Groups, bool, dict[str, Any]], Optimizer]] = {
    "sgd": lambda train, groups, graphs, common: SGD(
        groups, momentum=train.momentum, nesterov=train.nesterov, **common
    ),
    "adam": lambda train, groups, graphs, common: Adam(groups, capturable=graphs, **common),
    "adamw": lambda train, groups, graphs, common: AdamW(groups, capturable=graphs, **common),
    "muon": _build_muon,
}


def build_optimizer(train: TrainSpec, model: nn.Module) -> Optimizer:
    """The spec's optimizer over all weights of `model`, which already sits on its device.

    On CUDA the learning rate is a tensor and every step stays on the device, as a CUDA graph of the step needs.
    """
    device = next(model.parameters()).device
    on_cuda = device.type == "cuda"
    rate = torch.tensor(train.learning_rate, device=device) if on_cuda else train.learning_rate
    common: dict[str, Any] = {"lr": rate, "fused": device.type in ("cpu", "cuda", "mps")}
    groups = group_parameters(train, model)
    for group in groups:
        if group.get("rate", 1.0) != 1.0:  # a rate of its own, of which the fused update reads one number a group
            group["lr"] = rate * group["rate"]
    return OPTIMIZERS[train.optimizer](train, groups, on_cuda, common)


def skip_compiler_import() -> None:
    """Unwraps torch's optimizers, so that using them does not import the compiler. Results are unchanged.

    The wrappers are for compiling a whole training step; even without that, importing it takes 1.5 s and 60 MB.
    """
    for name in ("add_param_group", "load_state_dict", "state_dict", "zero_grad"):
        setattr(Optimizer, name, inspect.unwrap(getattr(Optimizer, name)))
    for kind in (SGD, Adam):  # AdamW's step is Adam's
        # Once an optimizer was made, its class's step is wrapped once more, by what calls hooks; that stays.
        if not hasattr(kind.step, "hooked"):
            kind.step = torch.no_grad()(inspect.unwrap(kind.step))  # type: ignore[method-assign]


def group_parameters(train: TrainSpec, model: nn.Module) -> Groups:
    """Parameter groups: decayed, and spared; each once more for biases and for the head, if these have own rates.

    Norms and biases have one dimension, filters and matrices more. What is frozen is in none.
    """
    trained = [p for p in model.parameters() if p.requires_grad]
    rates = {p: _rate_of(p, train, model) for p in trained}
    spared = [p for p in trained if p.ndim <= 1 and not train.decay_norms_biases]
    decayed = [p for p in trained if p.ndim > 1 or train.decay_norms_biases]
    return [
        {"params": same, "weight_decay": decay, "rate": rate}
        for params, decay in ((decayed, train.weight_decay), (spared, 0.0))
        for rate in dict.fromkeys(rates[p] for p in params)
        if (same := [p for p in params if rates[p] == rate])
    ]


def _rate_of(parameter: nn.Parameter, train: TrainSpec, model: nn.Module) -> float:
    """Its rate as a multiple of the training's."""
    head: nn.Module | None = getattr(model, "linear", None)
    if parameter.ndim <= 1:
        return train.bias_rate
    return train.head_rate if head and any(parameter is own for own in head.parameters()) else 1.0


def set_learning_rate(optimizer: Optimizer, rate: float) -> None:
    """Sets the rate of all groups; a rate that is a tensor is filled in place, where a CUDA graph reads it."""
    for group in optimizer.param_groups:
        own = rate * group.get("rate", 1.0)
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(own)
        else:
            group["lr"] = own


def restore_moments(optimizer: Optimizer, moments: dict[int, Any]) -> None:
    """Loads a copy of what `optimizer.state_dict()["state"]` held; its settings come from the spec and the schedule."""
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    own = {
        index: {name: copy_in_order(value, weights[index]) for name, value in moments_of_one.items()}
        for index, moments_of_one in moments.items()
    }
    optimizer.load_state_dict({**optimizer.state_dict(), "state": own})


def copy_in_order(value: Any, weight: Tensor) -> Any:
    """A copy of a moment or gradient of `weight`, on its device and in its order of memory.

    torch's fused updates on a CPU walk through both in the order of memory, whatever the strides say (seen in 2.14 and
    2.15): in another order each number would silently go to another weight.
    """
    if not isinstance(value, Tensor):
        return value
    if value.shape != weight.shape:
        return value.clone()
    return torch.empty_like(weight, dtype=value.dtype, requires_grad=False).copy_(value)


def build_average(train: TrainSpec, model: nn.Module) -> AveragedModel | None:
    """An exponential moving average of weights and buffers, or None if it is off."""
    if train.ema_decay == 0:
        return None
    # With its count of updates on the same device, or a graph would replay the first decay for ever.
    average = AveragedModel(model, device=next(model.parameters()).device, use_buffers=True)
    average.requires_grad_(False)
    return average


@torch.no_grad()
def update_average(average: AveragedModel, model: nn.Module, decay: float) -> None:
    """Takes the weights and buffers of `model` into the average; counts, which are integers, are copied.

    The decay begins low, min(decay, (1 + n) / (10 + n)) after n updates, as TensorFlow's ExponentialMovingAverage does
    it: at 0.999 a short training would otherwise end with the random weights that it began with. Updates are counted on
    the device; AveragedModel's own way counts them on the host and waits.
    """
    updates = average.n_averaged
    share = 1 - torch.clamp((1.0 + updates) / (10.0 + updates), max=decay)
    floats: tuple[list[Tensor], list[Tensor]] = [], []
    for mean, value in zip(average.module.state_dict().values(), model.state_dict().values(), strict=True):
        if mean.is_floating_point():
            floats[0].append(mean)
            floats[1].append(value)
        else:
            mean.copy_(value)
    means, values = floats
    steps = torch._foreach_sub(values, means)
    torch._foreach_mul_(steps, share)
    torch._foreach_add_(means, steps)
    updates.add_(1)


class Lookahead:
    """Every few updates the weights go a share of the way back to where they last did so (Zhang et al. 2019).

    A share that rises is a number on the weights' device, where a CUDA graph reads it.
    """

    def __init__(self, model: nn.Module, share: float = 0.5, *, rises: bool = False) -> None:
        self._weights: list[Tensor] = list(model.parameters())
        self._slow = [weight.detach().clone() for weight in self._weights]
        self._share = share
        self._rising = torch.tensor(share, device=self._weights[0].device) if rises else None

    def set_share(self, share: float) -> None:
        """That of the next time, if it rises."""
        if self._rising is not None:
            self._rising.fill_(share)

    @torch.no_grad()
    def pull_back(self) -> None:
        """Moves the weights back towards the slow ones; call it every k updates."""
        if self._rising is None:
            torch._foreach_lerp_(self._slow, self._weights, 1 - self._share)
            torch._foreach_copy_(self._weights, self._slow)
        else:
            ways = torch._foreach_sub(self._slow, self._weights)
            torch._foreach_mul_(ways, self._rising)
            torch._foreach_add_(self._weights, ways)
            torch._foreach_copy_(self._slow, self._weights)

    @torch.no_grad()
    def fall_back(self) -> None:
        """Moves the weights to the slow ones."""
        torch._foreach_copy_(self._weights, self._slow)

    def state_dict(self) -> dict[str, Any]:
        return {"slow": self._slow}

    @torch.no_grad()
    def load_state_dict(self, saved: dict[str, Any]) -> None:
        torch._foreach_copy_(self._slow, saved["slow"])


def build_lookahead(train: TrainSpec, model: nn.Module) -> Lookahead | None:
    """Lookahead from the model's weights on, or None if it is off."""
    return Lookahead(model, train.lookahead_share, rises=train.lookahead_rises) if train.lookahead_steps else None
