"""Every report shows a run by its card: its figures, and what is not as by default."""

from core.compare.snapshot import look_at
from core.export.report.parts import make_card
from core.text.formats import format_count
from tests.pages.sample_runs import make_run


def test_the_card_of_a_run_names_what_differs_from_the_defaults_and_every_field() -> None:
    run = make_run(name="A run", tags=("first",), settings=("train.epochs=5", "train.learning_rate=0.25"))
    run.update_about(note="A note.")
    (compared,) = look_at([run.id]).runs
    card = make_card(run, compared)
    assert (card["id"], card["name"], card["state"], card["note"]) == (run.id, "A run", "finished", "A note.")
    differing = {row[0]: row[1:] for row in card["differing"].rows}
    assert differing["Learning rate"] == ["0.25", "0.001"]
    configuration = {row[2]: row[1] for row in card["configuration"].rows}
    assert configuration["train.learning_rate"] == "0.25"
    assert len(configuration) > len(differing)
    assert card["differing"].head[2] == "Default"
    assert card["configuration"].head[2] == "In spec.json"
    assert card["command"].startswith("python -m core train")
    assert card["facts"][2] == f"{format_count(compared.cost.parameters)} parameters"
    assert card["facts"][3] == "seed 0"
