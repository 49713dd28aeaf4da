"""A diagnosis holds every rule once: what it found, that it found nothing, or why it could not look."""

from dataclasses import replace

import numpy as np
import pytest

from core.compare.snapshot import read_run
from core.doctor.diagnose import diagnose, diagnose_run, list_marks, sum_up
from core.doctor.rule import Found, Rule
from core.doctor.rules import RULES
from core.imports.keep import publish_foreign
from core.runs.records import NoSpecError
from core.system import files
from tests.core.doctor.watched import watch
from tests.core.imports.foreign_runs import MAPPING, make_foreign
from tests.pages.sample_runs import make_rows, make_run


def test_a_rule_that_lacks_what_it_needs_says_so_and_does_not_look() -> None:
    diagnosis = diagnose(watch())
    assert {one.rule.name: one.why for one in diagnosis.unseen}["dead_layers"] == "needs Layer norms, which are off"
    assert "Nothing found; " in sum_up(diagnosis)


def test_rules_that_read_validation_do_not_look_where_no_images_are_held_out() -> None:
    plain = watch(train_loss=np.linspace(2.3, 0.1, 20))
    rows = {name: values for name, values in plain.rows.items() if not name.startswith("val/")}
    diagnosis = diagnose(replace(plain, rows=rows, environment={"val_images": 0}, predicted=None, labels=None))
    assert diagnosis.findings == ()
    why = "needs validation images, and none were held out"
    assert {"overfitting", "plateau", "leaking_test"} <= {one.rule.name for one in diagnosis.unseen if one.why == why}
    assert "rate_too_high" in {rule.name for rule in diagnosis.sound}


def test_findings_are_counted_and_point_at_the_curves() -> None:
    diagnosis = diagnose(watch(train_loss=[2.0, 4.0, 1.0, 0.3, 0.2, 0.1, 0.1, 0.1]))
    assert [finding.rule.name for finding in diagnosis.findings] == ["rate_too_high"]
    assert sum_up(diagnosis).startswith("1 finding; ")
    (mark,) = list_marks(diagnosis)
    assert (mark.column, mark.epoch, mark.label) == ("train/loss", 2, "The learning rate is too high")


@pytest.mark.usefixtures("lab_folders")
def test_a_run_is_diagnosed_once_an_epoch() -> None:
    run = make_run("interrupted", epochs_done=2)
    first = diagnose_run(read_run(run.id))
    assert diagnose_run(read_run(run.id)) is first
    rows = [*make_rows(2), make_rows(3)[2] | {"train/loss": 9.0}]
    (run.path / "metrics.jsonl").write_bytes(b"".join(map(files.to_line, rows)))
    assert [finding.rule.name for finding in diagnose_run(read_run(run.id)).findings] == ["rate_too_high"]


def test_a_rule_from_outside_is_shown() -> None:
    found = Found("Every epoch is a Monday's.")
    rule = Rule("monday", "Mondays", "They are.", "A calendar", "nothing", "always", 0, lambda observed: found)
    diagnosis = diagnose(watch(train_loss=2.3 * np.exp(-np.arange(9))), (*RULES, rule))
    assert [finding.found for finding in diagnosis.findings] == [found]


@pytest.mark.usefixtures("lab_folders")
def test_a_run_without_a_spec_has_no_diagnosis() -> None:
    with pytest.raises(NoSpecError):
        diagnose_run(read_run(publish_foreign(make_foreign(), MAPPING)))
