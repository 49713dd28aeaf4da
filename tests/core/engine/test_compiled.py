"""torch.compile as an option: by a rule of the spec and the device, with the plain network's results."""

import logging
import shutil

import pytest
import torch

from core.engine.compiled import compile_network
from core.spec import RunSpec
from tests.core.engine.toy import make_data, make_spec, run

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)


@pytest.mark.parametrize(
    ("choice", "device", "epochs", "expected"),
    [
        ("off", GPU, 10_000, False),
        ("on", CPU, 1, True),
        ("auto", CPU, 10_000, False),
        ("auto", GPU, 79, False),
        ("auto", GPU, 80, True),
    ],
)
def test_auto_compiles_long_trainings_on_a_gpu(choice: str, device: torch.device, epochs: int, expected: bool) -> None:
    model = torch.nn.Linear(2, 2)
    spec = make_spec(compile=choice, epochs=epochs)
    assert (compile_network(spec.train, model, device, 50_000) is not model) == expected


def test_it_is_off_unless_wished_for() -> None:
    assert RunSpec().train.compile == "off"


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("g++"), reason="torch.compile needs a compiler")
def test_a_compiled_training_comes_to_the_plain_ones_figures() -> None:
    # Three shapes, each compiled: a batch and a last one to train, a batch to ask. Layers take the longest.
    data = make_data(40, 16, 16)
    model = {"layers": [{"channels": 4, "blocks": 1}], "pool_size": 4}
    plain, end = run(make_spec(model=model), data)
    fused, fused_end = run(make_spec(model=model, compile="on"), data)
    assert type(end) is type(fused_end)
    for one, other in zip(plain, fused, strict=True):
        assert other.metrics["train/loss"] == pytest.approx(one.metrics["train/loss"], rel=1e-3)
        assert other.metrics["val/loss"] == pytest.approx(one.metrics["val/loss"], rel=1e-3)
    assert fused[-1].state["model"].keys() == plain[-1].state["model"].keys()


def test_what_cannot_be_compiled_runs_plainly_and_says_why(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(model: torch.nn.Module, **_: object) -> object:
        def fail(inputs: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("no compiler found\nmore")

        return fail

    data = make_data()
    plain, _ = run(make_spec(), data)
    monkeypatch.setattr(torch, "compile", refuse)
    with caplog.at_level(logging.WARNING):
        fallen, _ = run(make_spec(compile="on"), data)
    assert [event.metrics["train/loss"] for event in fallen] == [event.metrics["train/loss"] for event in plain]
    assert caplog.messages == ["Training goes on without torch.compile: no compiler found"]


def test_an_error_of_the_training_itself_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def make(model: torch.nn.Module, **_: object) -> object:
        def fail(inputs: torch.Tensor) -> torch.Tensor:
            raise torch.OutOfMemoryError("CUDA out of memory")

        return fail

    monkeypatch.setattr(torch, "compile", make)
    network = compile_network(make_spec(compile="on").train, torch.nn.Linear(2, 2), CPU, 1)
    with pytest.raises(torch.OutOfMemoryError):
        network(torch.zeros(1, 2))
