"""What goes wrong in a training is a sentence that says what to try."""

import pytest
import torch

from core.engine import train as train_module
from core.engine.events import TrainingError
from tests.core.engine.toy import make_data, make_spec, run


def test_a_loss_that_is_not_a_number_ends_the_training_and_says_what_to_try():
    spec = make_spec(optimizer="sgd", learning_rate=100.0, momentum=0.999, weight_decay=1.0, epochs=200)
    with pytest.raises(TrainingError) as caught:
        run(spec, make_data())
    assert caught.value.kind == "nan"
    sentence = str(caught.value)
    assert " in epoch " in sentence
    assert "at a learning rate of " in sentence
    assert "a learning rate below" in sentence
    assert "gradient clipping" in sentence


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_bad_loss_in_one_step_is_noticed_by_the_epochs_end(value, monkeypatch):
    make_step = train_module.make_step

    def spoil(spec, state, *others):
        step = make_step(spec, state, *others)

        def spoiled(*args):
            step(*args)
            if state.step == 7:
                state.totals[0] = value

        return spoiled

    monkeypatch.setattr(train_module, "make_step", spoil)
    with pytest.raises(TrainingError, match=r"^The loss became (NaN|infinite) in epoch 2, by update 10,"):
        run(make_spec(epochs=4), make_data())


def fill_the_gpu(*args):
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB.")


def fill_memory(*args):
    torch.empty(10**15)


def fill_pythons_memory(*args):
    bytearray(2**62)


@pytest.mark.parametrize("step", [fill_the_gpu, fill_memory, fill_pythons_memory])
def test_running_out_of_memory_is_a_sentence_that_names_batch_size_and_device(step, monkeypatch):
    monkeypatch.setattr(train_module, "make_step", lambda *args: step)
    with pytest.raises(TrainingError, match=r"batch size of 1,024") as caught:
        run(make_spec(batch_size=1024), make_data())
    assert caught.value.kind == "out_of_memory"
    assert "cpu" in str(caught.value)


def test_other_errors_are_not_taken_for_a_lack_of_memory(monkeypatch):
    def fail(*args):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(train_module, "make_step", lambda *args: fail)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        run(make_spec(), make_data())


DEEP = {
    "layers": [{"channels": 4, "blocks": 1, "stride": 4}, {"channels": 4, "blocks": 1, "stride": 2}],
    "pool_size": 1,
}


def test_one_image_left_over_does_not_stop_a_network_whose_last_map_is_1x1():
    epochs, _ = run(make_spec(model=DEEP, batch_size=23), make_data(num_train=70))
    assert len(epochs) == 2


def test_batches_of_one_image_and_a_map_of_1x1_are_explained():
    with pytest.raises(TrainingError, match="Batch normalisation cannot train on a batch of one image"):
        run(make_spec(model=DEEP, batch_size=1), make_data())
