"""The images on which two runs disagree, or the reason why there are none."""

from concurrent.futures import Future

import numpy as np
import pytest

from core.data.store import DataError
from pages.parts.compare import gallery
from tests.compared_runs import make_compared, right
from tests.pages.compare_page import address_of
from tests.pages.conftest import press, texts
from tests.pages.sample_runs import make_run


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("silent", "silent has no test predictions stored."),
        ("photos", "photos has no test predictions stored."),
        ("split", "base and split were tested on different images."),
        ("odd", "odd has no test predictions stored."),
    ],
)
def test_a_gallery_that_cannot_be_says_why(open_page, company, pictures, name: str, sentence: str) -> None:
    page = open_page("compare", ids=address_of(company["base"], company[name]), tab="Disagreements")
    assert sentence in texts(page)
    assert pictures == []


def test_the_gallery_shows_the_images_that_one_gets_right_and_the_other_wrong(open_page, pictures) -> None:
    a, b = right(40, 60, 1), right(30, 60, 2)
    runs = [make_compared(a, name="A"), make_compared(b, name="B", settings=["train.epochs=4"])]
    page = open_page("compare", ids=address_of(*runs), tab="Disagreements")
    expected = set(np.flatnonzero(a & ~b).tolist())
    assert set(pictures[0]) == expected
    assert f"<b>{len(expected)}</b> of 60 test images" in texts(page)
    place = pictures[0][0]
    assert f'title="Test image {place}"' in texts(page)
    assert f"<b>digit {place % 10}</b>" in texts(page)
    assert f"digit {(place + 1) % 10}</span>" in texts(page)
    press(page, "Swap")
    assert set(pictures[-1]) == set(np.flatnonzero(b & ~a).tolist())


def test_the_gallery_of_groups_tells_seeds_and_mean_confidences(open_page, pictures) -> None:
    a = [right(40, 60, seed) for seed in (1, 2, 3)]
    b = [right(25, 60, seed) for seed in (4, 5, 6)]
    runs = [make_compared(correct, seed=seed, name="A") for seed, correct in enumerate(a)]
    runs += [make_compared(correct, seed=seed, name="B", settings=["train.epochs=4"]) for seed, correct in enumerate(b)]
    page = open_page("compare", ids=address_of(*runs), tab="Disagreements")
    expected = np.flatnonzero((np.sum(a, 0) >= 2) & (np.sum(b, 0) <= 1))
    assert f"<b>{len(expected)}</b> of 60 test images" in texts(page)
    assert "most of the 3 seeds of" in texts(page)
    assert set(pictures[0]) == set(expected.tolist())
    assert "3/3 · " in texts(page)
    assert "2 of 3 seeds say so" in texts(page)
    apart = open_page("compare", ids=address_of(*runs), tab="Disagreements", fold="false")
    assert "seeds of" not in texts(apart)
    assert f"<b>{np.sum(a[0] & ~b[0])}</b> of 60 test images" in texts(apart)


def test_a_gallery_without_predictions_says_why(open_page, pictures) -> None:
    runs = [make_compared(right(15, 20), name="A"), make_run(name="B", settings=("train.epochs=4",))]
    assert "B has no test predictions stored" in texts(open_page("compare", ids=address_of(*runs), tab="Disagreements"))
    assert pictures == []


def test_images_that_cannot_be_had_leave_the_words(open_page, monkeypatch: pytest.MonkeyPatch) -> None:
    future: Future[list[bytes]] = Future()
    future.set_exception(DataError("The folder is gone."))
    monkeypatch.setattr(gallery, "call", lambda *_, **__: future)
    runs = [make_compared(right(15, 20), name="A"), make_compared(right(9, 20), name="B", settings=["train.epochs=4"])]
    text = texts(open_page("compare", ids=address_of(*runs), tab="Disagreements"))
    assert "The folder is gone." in text
    assert "compare-gallery" in text
