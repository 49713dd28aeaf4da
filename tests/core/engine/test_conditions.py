"""A resumed training computes as it began, or says why it does not."""

import copy

import pytest
import torch

from core.engine import conditions, device
from core.engine.conditions import settle
from core.engine.events import Finished, Started
from core.engine.train import train
from tests.core.engine.toy import make_data, make_spec, run
from tests.core.engine.whole_result import differences, train_with_stops

CPU = torch.device("cpu")
AUTO = make_spec(precision="auto", learning_rate=0.1)


@pytest.fixture
def cpu(monkeypatch):
    """Sets what the CPU has, by name: `bfloat16`, `threads` at most, `name`; the version of torch as well."""

    def have(*, bfloat16=True, threads=4, name="CPU A", torch_version="2.0"):
        monkeypatch.setattr(device, "computes_in_bfloat16", lambda _: bfloat16)
        monkeypatch.setattr(conditions, "computes_in_bfloat16", lambda _: bfloat16)
        monkeypatch.setattr(conditions, "name_device", lambda _: name)
        monkeypatch.setattr(torch, "__version__", torch_version)
        monkeypatch.setattr(device, "_MOST_THREADS", threads)
        torch.set_num_threads(min(threads, 2))

    threads = torch.get_num_threads()
    have()
    yield have
    torch.set_num_threads(threads)


def stop(spec=AUTO):
    _, stopped = run(spec, make_data(), should_stop=lambda: True)
    return stopped.state


@pytest.mark.parametrize("native", [True, False])
def test_a_run_goes_on_in_the_precision_that_it_began_with(cpu, native):
    """Also on a CPU that has gained bfloat16; the figures are those of a training without the interruption."""
    cpu(bfloat16=native)
    straight = train_with_stops(AUTO, make_data(), [])

    def move(state):
        cpu(bfloat16=True)
        return copy.deepcopy(state)

    assert differences(train_with_stops(AUTO, make_data(), [3], move), straight) == []


def test_a_cpu_without_bfloat16_goes_on_in_float32_and_says_so(cpu):
    state = stop()
    cpu(bfloat16=False)
    begun, *_, finished = train(AUTO, make_data(), resume=state)
    assert isinstance(begun, Started)
    assert isinstance(finished, Finished)
    assert begun.precision == "float32"
    assert len(begun.notes) == 1
    assert "float32 instead of bfloat16" in begun.notes[0]
    # What was asked for by name is computed in it, natively or not.
    named = make_spec(precision="bfloat16")
    begun = next(iter(train(named, make_data(), resume=stop(named))))
    assert (begun.precision, begun.notes) == ("bfloat16", ())


def test_a_run_goes_on_with_as_many_threads_as_it_began_with_or_says_so(cpu):
    cpu(threads=4)
    torch.set_num_threads(3)
    state = stop()
    cpu(threads=3)
    begun = next(iter(train(AUTO, make_data(), resume=state)))
    assert (begun.threads, begun.notes) == (3, ())
    cpu(threads=1)
    begun = next(iter(train(AUTO, make_data(), resume=state)))
    assert begun.threads == 1
    assert "1 instead of 3 threads" in begun.notes[0]
    assert torch.get_num_threads() == 1


def test_notes_stay_with_the_run_and_are_not_repeated_and_the_first_conditions_come_back(cpu):
    first = stop()
    cpu(threads=1, torch_version="3.0", name="CPU B")
    _, stopped = run(AUTO, make_data(), resume=first, should_stop=lambda: True)
    _, again = run(AUTO, make_data(), resume=stopped.state, should_stop=lambda: True)
    cpu(torch_version="3.0", name="CPU B")
    kept = settle(AUTO.train, CPU, again.state)
    assert kept.threads == first["threads"] == 2
    assert len(kept.notes) == 1
    for what in ("torch 3.0 instead of 2.0", "on CPU B instead of CPU A", "1 instead of 2 threads"):
        assert what in kept.notes[0]


def test_a_checkpoint_of_an_older_version_resumes_as_before(cpu):
    state = {key: value for key, value in stop().items() if key not in ("precision", "device_name", "torch", "notes")}
    begun, *_, finished = train(AUTO, make_data(), resume=state)
    assert isinstance(finished, Finished)
    assert (begun.precision, begun.notes) == ("bfloat16", ())
