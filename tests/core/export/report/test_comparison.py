"""The report of several runs has their means, spreads and verdicts."""

from core.compare.snapshot import look_at
from core.compare.units import make_units
from core.compare.verdicts import judge_all
from core.runs.store import open_run
from tests.compared_runs import make_compared, right
from tests.core.export.report.reading import read
from tests.pages.sample_runs import make_run


def test_a_comparison_holds_means_over_seeds_and_the_verdict_in_words() -> None:
    wide = [make_compared(right(850 + s, 1000, s), seed=s, name=f"wide seed {s}") for s in range(3)]
    narrow_spec = ("model.stem_channels=8",)
    narrow = [make_compared(right(700 + s, 1000, s), seed=s, name=f"narrow {s}", settings=narrow_spec) for s in (0, 1)]
    report = read(*wide, *narrow)
    units = make_units(look_at([run.id for run in (*wide, *narrow)]).runs, fold=True)
    sentence = judge_all(units, "last")[0].sentence
    assert "wide is better by" in sentence
    assert report.text.index(sentence) < report.text.index("Curves")
    cells = report.row("wide")
    assert cells[3] == "85.10 % ± 0.10"
    assert "3 seeds" in cells[0]
    assert "baseline" in cells[0]
    assert report.row("Stem channels") == ["Stem channels", "16", "8"]
    assert {"Accuracy", "Loss", "Test acc., last weights by parameters"} <= set(report.figures)
    for run in (*wide, *narrow):
        assert run.about.name in report.text


def test_other_data_and_no_predictions_are_said_in_their_place() -> None:
    digits = make_compared(right(90, 100), name="digits")
    bare = make_run("stopped", name="bare", settings=("train.epochs=6",))
    other = make_run(name="cifar", settings=("data.dataset=cifar10", "train.epochs=5"))
    report = read(digits, bare, other)
    assert "another data set than the baseline" in report.text
    assert "2 cannot be compared" in report.text
    assert "No test result yet." in report.text
    assert open_run(other.id).about.name in report.text
