"""A change that may mend a run is named as people name its fields, and is only offered if it is one."""

from core.doctor.rule import Fix
from tests.core.doctor.watched import spec_of


def test_a_fix_is_named_by_its_fields() -> None:
    assert Fix({"train.learning_rate": 0.0003}).label == "Learning rate 0.0003"
    assert Fix({"train.clip_norm": 0.0, "data.max_train_images": 0}).label == (
        "Gradient clipping off, training images at most all"
    )


def test_only_a_change_to_a_spec_that_can_run_is_offered() -> None:
    spec = spec_of(train={"epochs": 4})
    changed = Fix({"train.epochs": 8}).apply(spec)
    assert changed is not None
    assert changed.train.epochs == 8
    assert Fix({"train.epochs": 4}).apply(spec) is None
    assert Fix({"train.warmup_epochs": 4.0}).apply(spec) is None  # as long as the training
