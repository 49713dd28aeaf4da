"""The run that is examined is chosen once and stays."""

from tests.examined import make_examined
from tests.pages.examine_page import matrix_of
from tests.pages.sample_runs import add_checkpoint


def test_the_newest_run_is_shown_where_the_address_names_none(open_page) -> None:
    make_examined(name="older")
    newest = make_examined(name="newest")
    page = open_page("examine")
    assert page.query_params["id"] == newest.id
    assert "kind 3" in matrix_of(page)["classes"]


def test_what_a_list_shows_of_a_run_stays_while_it_goes_on(open_page) -> None:
    """A list knows its choice by the text: where that changed, the choices that hang on it were lost."""
    run = make_examined("interrupted", name="mine")
    add_checkpoint(run)
    page = open_page("examine", id=run.id, weights="last", cell="3-3")
    before = [box.options for box in page.selectbox]
    rows = (run.path / "metrics.jsonl").read_bytes()
    (run.path / "metrics.jsonl").write_bytes(rows + rows.splitlines(keepends=True)[-1].replace(b"0.8", b"0.99"))
    manifest = run.path / "checkpoints" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"epoch": 5', '"epoch": 6'))
    page.run()
    assert [box.options for box in page.selectbox] == before
    assert page.query_params["weights"] == "last"
    assert page.query_params["cell"] == "3-3"
