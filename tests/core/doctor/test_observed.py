"""What a rule may look at is what the run's folder says, up to the epoch it asks for."""

import numpy as np
import pytest

from core.compare.snapshot import read_run
from core.doctor.observed import observe, to_columns
from tests.core.doctor.watched import watch
from tests.pages.sample_runs import EPOCHS, make_rows, make_run


@pytest.mark.usefixtures("lab_folders")
def test_a_run_is_observed_as_its_folder_has_it() -> None:
    run = make_run()
    observed = observe(read_run(run.id))
    rows = make_rows(EPOCHS)
    assert observed.epochs == observed.planned == EPOCHS
    assert observed.column("val/loss").tolist() == [row["val/loss"] for row in rows]
    assert np.isnan(observed.column("norms/head/weights")).all()
    assert (observed.state, observed.count_images("val"), observed.count_images("train")) == ("finished", 400, 0)
    assert observed.predicted is None
    assert observed.chance_loss == pytest.approx(np.log(10))


def test_until_an_epoch_nothing_is_known_of_the_later_ones() -> None:
    whole = watch(state="finished", train_loss=[2.0, 1.0, 0.5, 0.2])
    early = whole.until(2)
    assert early.column("train/loss").tolist() == [2.0, 1.0]
    assert not early.has_ended
    assert not early.is_complete
    assert whole.until(4).is_complete
    assert not whole.until(4).has_ended
    assert whole.until(0).epochs == 0


def test_what_is_no_number_is_a_gap() -> None:
    columns = to_columns([{"a": 1, "not_finite": ["b"], "b": None}, {"a": "x"}])
    assert columns["a"][0] == 1
    assert np.isnan(columns["a"][1])
    assert np.isnan(columns["b"]).all()
    assert "not_finite" not in columns


def test_norms_are_told_by_layer() -> None:
    observed = watch()
    observed = type(observed)(observed.spec, {"epoch": np.ones(1), "norms/layers.0.0.body.0/gradients": np.ones(1)})
    assert list(observed.norms("gradients")) == ["layers.0.0.body.0"]
    assert observed.norms("weights") == {}
