"""What was learnt and forgotten adds up, and is read back as it was stored."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from core.examine.history import History, read_history
from core.examine.weights import ExamineError
from tests.examined import EPOCHS, VAL, make_examined, make_logits


@given(
    predicted=arrays.arrays(np.int64, st.tuples(st.integers(1, 8), st.integers(1, 12)), elements=st.integers(0, 3)),
    seed=st.integers(0, 99),
)
def test_what_was_learnt_less_what_was_forgotten_is_what_is_right(predicted, seed: int) -> None:
    labels = np.random.default_rng(seed).integers(0, 4, predicted.shape[1])
    history = History(predicted, labels, 4)
    learnt, lost = history.changes()
    np.testing.assert_array_equal(np.cumsum(learnt - lost), history.right.sum(1))
    assert lost.sum() == history.forgotten.sum()
    assert not set(history.never) & set(np.flatnonzero(history.learnt_at))
    for epoch in range(1, history.num_epochs + 1):
        assert len(history.changed_at(epoch, learnt=True)) == learnt[epoch - 1]
        assert len(history.changed_at(epoch, learnt=False)) == lost[epoch - 1]
        assert history.matrix(epoch).trace() == history.right[epoch - 1].sum()


def test_history_is_read_back_as_it_was_stored() -> None:
    history = read_history(make_examined("stopped"))
    assert history.predicted.shape == (EPOCHS, VAL)
    np.testing.assert_array_equal(history.predicted[2], make_logits(VAL, 2, skill=2)[0].argmax(1))


def test_a_history_that_does_not_fit_or_is_not_there_ends_as_a_sentence() -> None:
    run = make_examined()
    path = run.path / "predictions" / "val_classes.bin"
    path.write_bytes(b"\xff" * len(path.read_bytes()))
    with pytest.raises(ExamineError, match="damaged"):
        read_history(run)
    path.unlink()
    with pytest.raises(ExamineError, match="no predictions of its epochs"):
        read_history(run)
