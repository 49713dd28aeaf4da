"""What stands around a CUDA graph, with a stand-in for it that needs no GPU; test_resume.py has the real one."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import torch

from core.engine import graph as graph_module
from core.engine.graph import GraphedStep
from core.engine.step import BatchRole


class Stream:
    def __init__(self, device: object = None) -> None:
        pass

    def wait_stream(self, other: Stream) -> None:
        pass


class Machine:
    """A step that writes down what it is given, and graphs that write it down again from the addresses they hold."""

    def __init__(self) -> None:
        self.done: list[tuple[list[int], list[bool] | None, BatchRole]] = []
        self.captures = self.plain = self.replays = 0
        self.recording: SimpleNamespace | None = None
        self.failure: Exception | None = None

    def step(self, places: torch.Tensor, mirrored: torch.Tensor | None, role: BatchRole) -> None:
        def act() -> None:
            self.done.append((places.tolist(), None if mirrored is None else mirrored.tolist(), role))

        if self.recording is None:
            self.plain += 1
            act()
        else:
            self.recording.act = act

    def make_graph(self) -> SimpleNamespace:
        made = SimpleNamespace(register_generator_state=lambda generator: None)

        def replay() -> None:
            self.replays += 1
            made.act()

        made.replay = replay
        return made

    @contextlib.contextmanager
    def record(self, made: SimpleNamespace, **options: object) -> Iterator[None]:
        if self.failure is not None:
            raise self.failure
        self.captures, self.recording = self.captures + 1, made
        yield
        self.recording = None


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    cuda = SimpleNamespace(
        Stream=Stream,
        stream=contextlib.nullcontext,
        current_stream=Stream,
        graph_pool_handle=lambda: None,
        CUDAGraph=machine.make_graph,
        graph=machine.record,
        synchronize=lambda: None,
        default_generators=[torch.Generator()],
    )
    monkeypatch.setattr(graph_module, "torch", SimpleNamespace(cuda=cuda, Generator=torch.Generator))
    return machine


def run_batches(machine: Machine, batches: list[tuple[list[int], list[bool] | None, BatchRole]]) -> None:
    step = GraphedStep(machine.step, torch.Generator())
    for places, mirrored, role in batches:
        step(torch.tensor(places), None if mirrored is None else torch.tensor(mirrored), role)


def test_every_batch_is_done_once_in_its_order_with_its_own_images(machine: Machine) -> None:
    half, last = BatchRole(0.5, ends_group=False), BatchRole(0.5)
    batches = [([n, n + 1], [n % 3 == 0, True], half if n % 2 == 0 else last) for n in range(20)]
    batches.insert(10, ([7], [True], last))  # the smaller batch at an epoch's end
    run_batches(machine, batches)
    assert machine.done == batches
    assert machine.captures == 2
    assert machine.plain == 2 * 3 + 1
    assert machine.replays == len(batches) - machine.plain


def test_where_a_graph_cannot_be_captured_training_goes_on_plainly_and_the_reason_is_logged(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    machine.failure = RuntimeError("operation not permitted when stream is capturing\nsecond line")
    batches = [([n], None, BatchRole(1.0)) for n in range(8)]
    with caplog.at_level(logging.WARNING):
        run_batches(machine, batches)
    assert machine.done == batches
    assert machine.replays == 0
    assert [record.message for record in caplog.records] == [
        "Training goes on without CUDA graphs: operation not permitted when stream is capturing"
    ]


def test_the_error_that_broke_a_capture_is_logged_and_not_the_one_of_its_end(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    machine.failure = RuntimeError("operation failed due to a previous error during capture")
    machine.failure.__context__ = ValueError("no kernel for this")
    with caplog.at_level(logging.WARNING):
        run_batches(machine, [([n], None, BatchRole(1.0)) for n in range(5)])
    assert [record.message for record in caplog.records] == ["Training goes on without CUDA graphs: no kernel for this"]


def test_older_torch_gets_its_generators_out_of_a_broken_capture(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    released: list[torch.Generator] = []
    monkeypatch.setattr(graph_module, "_LEAVES_GENERATORS", True)
    monkeypatch.setattr(graph_module, "_release", released.append)
    machine.failure = RuntimeError("broken")
    run_batches(machine, [([n], None, BatchRole(1.0)) for n in range(5)])
    assert len(released) == 2
    assert graph_module.torch.cuda.default_generators[0] in released


def test_so_many_kinds_of_steps_are_captured_and_no_more(machine: Machine) -> None:
    batches = [(list(range(size)), None, BatchRole(1.0)) for _ in range(5) for size in range(1, 11)]
    run_batches(machine, batches)
    assert machine.done == batches
    assert machine.captures == 6
