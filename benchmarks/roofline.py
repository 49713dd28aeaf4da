"""Where a training step's time goes, layer by layer, beside what the machine can do: the report's network on a CPU.

Real steps of the engine are timed where they happen: each layer's forward by hooks of its module, each node of the
backward pass by hooks of the graph. A layer's operations and bytes give the least time that it could take: the larger
of operations over the fastest large matrix product, and bytes over the fastest copy of a large tensor (a roofline:
Williams, Waterman & Patterson 2009). Operations are counted of convolutions and linear layers; bytes are those of each
map and weight that is read or written, once each. Maps of a small batch stay in the caches, so that a layer may be
faster than the copy.

Times are processor time on one thread, the median over the steps, so that other work on the machine hardly shows. The
hooks take part of what is between layers and nodes.

    python -m benchmarks.roofline --batch-sizes 16 128
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any
from unittest import mock

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from benchmarks.machine import keep_result
from benchmarks.throughput import describe_device, load_images, measure_peak
from core.engine.augment import Augment
from core.engine.data import Data
from core.engine.device import pick_precision
from core.engine.layers import SqueezeExcitation
from core.engine.model import PostActivationBlock
from core.engine.optim import skip_compiler_import
from core.engine.train import TrainingRun, keep_settings
from core.spec import RunSpec
from core.spec.parse import parse_spec
from core.spec.settings import apply_settings

WARM_UP, FEWEST_STEPS, IMAGES = 5, 10, 1600  # steps before they count; steps, or images in all, that count
WIDTH = 132  # of the table, where the terminal is narrower or none
CPU = torch.device("cpu")
# The nodes of a graph that no layer of the network has made, by the beginning of their names.
SUMS, OTHERS = "sums of a skip and its block", "attention without its linear layers, loss"
BETWEEN, REST = "Python between layers", "beside all these"
_NODES = {"ToCopy": "casts of gradients", "Add": SUMS}
_LEAF = "torch::autograd::AccumulateGrad"
_WITH_OPERATIONS = (nn.Conv2d, nn.Linear)


@dataclass
class Work:
    """What a layer does in a step: operations and bytes of forward and backward pass, and its times in seconds."""

    operations: int = 0
    bytes: int = 0
    forward: float = 0.0
    backward: float = 0.0

    @property
    def seconds(self) -> float:
        return self.forward + self.backward

    def add(self, other: Work) -> None:
        self.operations, self.bytes = self.operations + other.operations, self.bytes + other.bytes
        self.forward, self.backward = self.forward + other.forward, self.backward + other.backward


class Watch:
    """Times the parts of steps: `parts` are those of the step under way, by name of module or of what else acts."""

    def __init__(self, model: nn.Module) -> None:
        self.parts: dict[str, Work] = defaultdict(Work)
        self.owners: dict[Any, str] = {}  # the layer of a node of the graph
        self.open: list[list[float]] = []  # of the modules under way: since when, and the seconds of those within
        self.begun: dict[Any, float] = {}  # since when each node is under way
        for name, module in model.named_modules():
            module.register_forward_pre_hook(self._enter)
            module.register_forward_hook(partial(self._leave, name))

    def _enter(self, *_: Any) -> None:
        self.open.append([time.process_time(), 0.0])

    def _leave(self, name: str, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        begun, within = self.open.pop()
        spent = time.process_time() - begun
        if self.open:
            self.open[-1][1] += spent
        part = self.parts[name]
        part.forward += spent - within
        if not list(module.children()) and not isinstance(module, nn.Identity):
            part.add(count_work(module, inputs[0], output))
            self.owners.setdefault(output.grad_fn, name)

    def time_backward(self, backward: Callable[[Tensor], None], loss: Tensor) -> None:
        """In place of `Tensor.backward`: the same, with each of its nodes timed."""
        for node in walk_graph(loss.grad_fn):
            if node.name() == _LEAF:  # torch calls no hook before it
                continue
            name = self.owners.get(node) or _name_node(node.name())
            node.register_prehook(partial(self._enter_node, node))
            node.register_hook(partial(self._leave_node, name, node))
        begun, before = time.process_time(), sum(part.backward for part in self.parts.values())
        backward(loss)
        spent = time.process_time() - begun
        within = sum(part.backward for part in self.parts.values()) - before
        self.parts["autograd between its nodes, sums of gradients"].backward += spent - within
        self.owners.clear()

    def _enter_node(self, node: Any, *_: Any) -> None:
        self.begun[node] = time.process_time()

    def _leave_node(self, name: str, node: Any, *_: Any) -> None:
        self.parts[name].backward += time.process_time() - self.begun.pop(node)

    def time_part(self, name: str, act: Callable[..., Any]) -> Callable[..., Any]:
        """`act`, its time counted under this name."""

        def timed(*args: Any, **kwargs: Any) -> Any:
            begun = time.process_time()
            try:
                return act(*args, **kwargs)
            finally:
                self.parts[name].forward += time.process_time() - begun

        return timed


def walk_graph(root: Any) -> Iterator[Any]:
    """Every node of a graph, once."""
    waiting, seen = [root], set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        waiting += [following for following, _ in node.next_functions]
        yield node


def _name_node(name: str) -> str:
    return next((part for start, part in _NODES.items() if name.startswith(start)), OTHERS)


def count_work(module: nn.Module, x: Tensor, y: Tensor) -> Work:
    """Operations and least bytes of a layer in a training step, with input `x` and output `y`.

    Backward a convolution does its forward's operations twice, once for its input and once for its weights; one whose
    input needs no gradient, once. It reads the gradient of its output for each.
    """
    weights = sum(parameter.numel() for parameter in module.parameters(recurse=False))
    passes = 2 if x.requires_grad else 1
    # Forward: input and weights in, output out. Backward: the same again, and the gradients of all three.
    moved = 2 * (x.nbytes + y.nbytes) + (passes - 1) * (x.nbytes + y.nbytes) + 3 * weights * y.element_size()
    operations = 0
    if isinstance(module, _WITH_OPERATIONS):
        of_a_value = module.weight[0].numel()
        operations = 2 * y.numel() * of_a_value * (1 + passes)
    return Work(operations, moved)


def measure_steps(spec: RunSpec, data: Data, steps: int) -> tuple[dict[str, Work], dict[str, str], float]:
    """The parts of a step and seconds of all of it, medians over steps; and what a person reads for each module."""
    with keep_settings(CPU), ExitStack() as stack:
        torch.set_num_threads(1)
        run = TrainingRun(spec, data, CPU, lambda: False)
        watch, labels = Watch(run.state.model), describe_layers(run.state.model)
        augment, backward = Augment.__call__, Tensor.backward
        stack.enter_context(mock.patch.object(Augment, "__call__", watch.time_part("augmentation", augment)))
        stack.enter_context(mock.patch.object(Tensor, "backward", lambda loss: watch.time_backward(backward, loss)))
        optimizer = watch.time_part("optimizer", run.state.optimizer.step)
        stack.enter_context(mock.patch.object(run.state.optimizer, "step", optimizer))
        told: dict[str, list[Work]] = defaultdict(list)
        seconds = []
        run.state.begin_epoch()
        for number, (start, stop) in enumerate(run.batches[: WARM_UP + steps]):
            watch.parts.clear()
            begun = time.process_time()
            run.step(torch.arange(start, stop), None, run._find_role())
            if number >= WARM_UP:
                seconds.append(time.process_time() - begun)
                for name, part in watch.parts.items():
                    told[name].append(part)
    return {name: _typical(parts) for name, parts in told.items()}, labels, statistics.median(seconds)


def _typical(parts: list[Work]) -> Work:
    forward, backward = (statistics.median(getattr(part, way) for part in parts) for way in ("forward", "backward"))
    return Work(parts[0].operations, parts[0].bytes, forward, backward)


def measure_bandwidth(turns: int = 10) -> float:
    """Bytes a second, read and written, of the fastest of some copies of a tensor that no cache holds."""
    source = torch.ones(64 * 2**20)
    target, fastest = torch.empty_like(source), float("inf")
    for _ in range(turns):
        begun = time.process_time()
        target.copy_(source)
        fastest = min(fastest, time.process_time() - begun)
    return 2 * source.nbytes / fastest


def describe_layers(model: nn.Module) -> dict[str, str]:
    """What a person reads for each module: convolutions one by one, of all else the kind."""
    kinds: dict[type[nn.Module], str] = {
        nn.BatchNorm2d: "batch normalisation",
        nn.ReLU: "activations",
        nn.Linear: "linear layers",
        nn.AvgPool2d: "pooling",
        PostActivationBlock: SUMS,
        SqueezeExcitation: OTHERS,
    }
    found = {}
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d):
            side, stride = module.kernel_size[0], module.stride[0]
            shrinks = f", stride {stride}" if stride > 1 else ""
            found[name] = f"{name}: {side}x{side}, {module.in_channels} to {module.out_channels}{shrinks}"
        else:
            found[name] = next((kind for each, kind in kinds.items() if isinstance(module, each)), BETWEEN)
    return found


def make_rows(
    parts: dict[str, Work], labels: dict[str, str], step: float, flops: float, bandwidth: float
) -> list[dict[str, Any]]:
    """A row a layer or kind of layers, with its least time; the last one is what none of them accounts for."""
    grouped: dict[str, Work] = defaultdict(Work)
    for name, part in parts.items():
        grouped[labels.get(name, name)].add(part)
    rest = step - sum(part.seconds for part in grouped.values())
    grouped[REST].add(Work(forward=rest))
    return [
        {
            "part": name,
            "operations": part.operations,
            "bytes": part.bytes,
            "forward_ms": round(1000 * part.forward, 3),
            "backward_ms": round(1000 * part.backward, 3),
            "of_step": round(part.seconds / step, 4),
            "of_peak": round(part.operations / flops / part.seconds, 3) if part.operations else None,
            "of_bandwidth": round(part.bytes / bandwidth / part.seconds, 3) if part.bytes else None,
            "least_ms": round(1000 * max(part.operations / flops, part.bytes / bandwidth), 3),
        }
        for name, part in grouped.items()
    ]


def measure(batch_size: int, spec: RunSpec, data: Data) -> dict[str, Any]:
    """The roofline of a step at this batch size."""
    sized = parse_spec(apply_settings(spec.model_dump(), [f"train.batch_size={batch_size}"]))
    torch.set_num_threads(1)
    dtype = pick_precision("auto", CPU)
    peaks = [_peak_in_processor_time(dtype)]
    bandwidth = measure_bandwidth()
    parts, labels, step = measure_steps(sized, data, max(FEWEST_STEPS, IMAGES // batch_size))
    peaks.append(_peak_in_processor_time(dtype))
    flops = max(peaks)
    rows = make_rows(parts, labels, step, flops, bandwidth)
    least = sum(row["least_ms"] for row in rows)
    return {
        "batch_size": batch_size,
        "step_ms": round(1000 * step, 2),
        "least_ms": round(least, 2),
        "of_peak": round(sum(row["operations"] for row in rows) / flops / step, 3),
        "peak_flops": round(flops),
        "bandwidth": round(bandwidth),
        "rows": rows,
    }


def _peak_in_processor_time(dtype: torch.dtype) -> float:
    with mock.patch("time.perf_counter", time.process_time):
        return measure_peak(CPU, dtype)


def print_rows(found: dict[str, Any], about: str) -> None:
    """One line a layer, the largest first among those that are no convolution."""
    title = (
        f"Batch {found['batch_size']}: a step of {found['step_ms']:.1f} ms, {found['of_peak']:.0%} of the peak of "
        f"{found['peak_flops'] / 1e9:.0f} GFLOP/s; {found['bandwidth'] / 1e9:.1f} GB/s"
    )
    table = Table(title=title, caption=about)
    table.add_column("part of the step")
    headings = ("GFLOP", "MB", "forward ms", "backward ms", "of the step", "of peak", "of bandwidth", "least ms")
    for heading in headings:
        table.add_column(heading, justify="right")
    for row in sorted(found["rows"], key=lambda row: (row["part"] == REST, -row["of_step"])):
        shares = ("" if row[name] is None else f"{row[name]:.0%}" for name in ("of_peak", "of_bandwidth"))
        table.add_row(
            row["part"],
            f"{row['operations'] / 1e9:.2f}" if row["operations"] else "",
            f"{row['bytes'] / 1e6:.1f}" if row["bytes"] else "",
            f"{row['forward_ms']:.2f}",
            f"{row['backward_ms']:.2f}" if row["backward_ms"] else "",
            f"{row['of_step']:.1%}",
            *shares,
            f"{row['least_ms']:.2f}" if row["least_ms"] else "",
        )
    console = Console()
    Console(width=max(console.width, WIDTH)).print(table)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[16, 128])
    options = parser.parse_args(arguments)
    skip_compiler_import()
    spec, data, images = load_images()
    found = [measure(batch_size, spec, data) for batch_size in options.batch_sizes]
    used = describe_device(CPU)
    for each in found:
        print_rows(each, f"{used['device_name']}, one thread, {used['engine_precision']}; {images}")
    unit = (
        "ms: processor time of one thread, medians over steps; of_peak, of_bandwidth: shares of peak_flops, bandwidth"
    )
    keep_result("roofline-cpu", {"used": used, "images": images, "unit": unit, "batches": found})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
