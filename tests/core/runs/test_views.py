"""Named views are kept for everybody; what cannot be kept is refused and loses none."""

from pathlib import Path

import pytest

from core.runs import views
from core.runs.views import ViewError, delete_view, read_views, rename_view, save_view


def test_a_view_is_kept_replaced_and_deleted(runs: Path) -> None:
    save_view("  Best  of October ", {"q": ["test > 90%"], "columns": ["name", "test/loss"]})
    assert not save_view("all", {})
    assert list(read_views()) == ["all", "Best of October"]
    assert save_view(" all", {"group": ["seeds"]})
    assert read_views()["all"] == {"group": ["seeds"]}
    delete_view("all")
    delete_view("all")
    assert read_views() == {"Best of October": {"q": ["test > 90%"], "columns": ["name", "test/loss"]}}


def test_a_view_gets_another_name_and_takes_no_others_place(runs: Path) -> None:
    save_view("old", {"q": ["a"]})
    save_view("taken", {"q": ["b"]})
    assert rename_view("old", "  new   one ")
    assert not rename_view("new one", "new one ")
    kept = {"new one": {"q": ["a"]}, "taken": {"q": ["b"]}}
    for name, new, problem in (
        ("new one", "taken", "There is a view taken already"),
        ("new one", " ", "name has 1 to 60 letters"),
        ("gone", "x", "no view gone any more"),
    ):
        with pytest.raises(ViewError, match=problem):
            rename_view(name, new)
        assert read_views() == kept


@pytest.mark.parametrize(
    ("name", "view", "problem"),
    [
        ("  ", {}, "name has 1 to 60 letters"),
        ("x" * 61, {}, "name has 1 to 60 letters"),
        ("x", {"q": ["a" * 2001]}, "too large"),
    ],
)
def test_what_cannot_be_kept_is_refused(runs: Path, name: str, view: dict[str, list[str]], problem: str) -> None:
    save_view("kept", {})
    with pytest.raises(ViewError, match=problem):
        save_view(name, view)
    assert list(read_views()) == ["kept"]


def test_there_is_an_end_to_views(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "MAX_VIEWS", 1)
    save_view("one", {})
    with pytest.raises(ViewError, match="delete one first"):
        save_view("two", {})
    save_view("one", {"q": ["x"]})


@pytest.mark.parametrize("content", [b"[]", b"{", b'{"x": 3, "y": {"q": "text"}, "kept": {"q": ["a"]}}'])
def test_a_file_of_another_form_does_no_harm(runs: Path, content: bytes) -> None:
    save_view("one", {})
    (runs / ".views.json").write_bytes(content)
    assert set(read_views()) <= {"kept"}
    save_view("two", {})
    assert "two" in read_views()
