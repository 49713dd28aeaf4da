"""A run is found by what a user types of its id."""

from collections.abc import Callable

from typer.testing import Result

from core.runs.store import open_run
from core.spec import RunSpec
from tests.made_runs import create_run
from tests.strict_json import strict


def test_an_id_may_be_shortened_while_it_means_one_run(core: Callable[..., Result], finished: str) -> None:
    assert strict(core("show", finished[:21], "--json").stdout)["id"] == finished
    assert strict(core("show", finished[-6:], "--json").stdout)["id"] == finished
    create_run(RunSpec())
    both = core("show", finished[:2])
    assert both.exit_code == 2
    assert "is not the id of one run: 2 runs begin or end so" in both.stderr
    assert len(both.stderr.splitlines()) == 1


def test_an_unknown_id_among_several_leaves_the_others_alone(core: Callable[..., Result], finished: str) -> None:
    assert core("delete", finished, "nothing", "--yes").exit_code == 2
    assert open_run(finished).state() == "finished"
