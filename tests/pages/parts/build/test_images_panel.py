"""Build tells what an image folder holds, asks what its folders are, and offers a limit for all parts."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages.parts.build import images_panel
from tests.folders import make_folder
from tests.pages.build_page import draft_of, key_of, problems_shown, set_number
from tests.pages.conftest import press, texts

OpenPage = Callable[..., AppTest]


@pytest.fixture
def choose_folder(open_page: OpenPage) -> Callable[[Path], AppTest]:
    def choose(root: Path) -> AppTest:
        page = open_page("build")
        page.selectbox(key=key_of(page, "data.dataset")).select("folder").run()
        page.text_input(key=key_of(page, "data.folder")).set_value(str(root)).run()
        assert not page.exception, page.exception
        return page

    return choose


def test_every_part_and_class_is_counted_and_what_is_left_out_is_told(
    choose_folder: Callable[[Path], AppTest], tmp_path: Path
) -> None:
    counts = {"Train/cat": 8, "Train/<b>dog": 7, "Val/cat": 2, "Val/<b>dog": 3, "test": 4}
    page = choose_folder(make_folder(tmp_path / "set", counts))
    told = texts(page)
    assert "<b>13</b> to train on, in Train/" in told
    assert "<b>5</b> to validate on, in Val/" in told
    assert "<b>2</b> to test on, split off" in told
    assert "2 classes: &lt;b&gt;dog, cat." in told
    assert "Left out: images in test/ without class folders: unlabelled, so not used (4)." in told
    assert ">cat</td><td>8</td><td>2</td>" in told
    assert ">&lt;b&gt;dog</td><td>7</td><td>3</td>" in told
    assert problems_shown(page) == []


def test_a_question_about_parts_is_answered_by_one_choice_that_the_spec_keeps(
    choose_folder: Callable[[Path], AppTest], tmp_path: Path
) -> None:
    counts = {f"{domain}/{name}": 3 for domain in ("amazon", "dslr") for name in ("cat", "dog")}
    page = choose_folder(make_folder(tmp_path / "set", counts))
    assert any("which look like parts of a set, not like classes" in problem for problem in problems_shown(page))
    (question,) = page.radio
    assert question.options == [
        *["Every folder is a class: amazon, dslr", "Use amazon/ alone", "Use dslr/ alone"],
        *["Train on amazon/, test on dslr/", "Train on dslr/, test on amazon/"],
    ]
    question.set_value("train=amazon, test=dslr").run()
    assert problems_shown(page) == []
    data = draft_of(page).good.data
    assert (data.folder_parts, data.folder_classes) == ("train=amazon, test=dslr", 2)
    assert "<b>6</b> to test on, in dslr/" in texts(page)
    # The answer was about this folder: another one is read by its names again.
    other = make_folder(tmp_path / "other", {"a": 2, "b": 2, "c": 2})
    page.text_input(key=key_of(page, "data.folder")).set_value(str(other)).run()
    assert draft_of(page).good.data.folder_parts == ""
    assert draft_of(page).good.data.folder_classes == 3


def test_parts_that_cannot_be_read_are_named_at_their_field(
    choose_folder: Callable[[Path], AppTest], tmp_path: Path
) -> None:
    page = choose_folder(make_folder(tmp_path / "set", {"cat": 3, "dog": 3}))
    page.text_input(key=key_of(page, "data.folder_parts")).set_value("all").run()
    assert any(problem.startswith("Parts: write classes, or folders as in train=A") for problem in problems_shown(page))


def test_names_that_are_no_utf_8_are_shown_and_told(choose_folder: Callable[[Path], AppTest], tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9")
    root = make_folder(tmp_path / "set", {name: 3, "dog": 3})
    assert r"2 classes: caf\xe9, dog." in texts(choose_folder(root))
    (root / name / "000.png").rename(root / "000.png")
    for path in (root / name).iterdir():
        path.rename(root / path.name)
    assert any(r"caf\xe9" in problem for problem in problems_shown(choose_folder(root)))


def test_many_classes_are_counted_and_the_first_listed(
    choose_folder: Callable[[Path], AppTest], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images_panel, "MOST_CLASSES", 2)
    told = texts(choose_folder(make_folder(tmp_path / "set", dict.fromkeys("abcd", 2))))
    assert ">b</td>" in told
    assert ">c</td>" not in told
    assert "and 2 more" in told


def test_a_limit_for_all_parts_is_offered_where_few_images_are_trained_on(open_page: OpenPage) -> None:
    page = open_page("build")
    assert "<b>270</b> to test on, split off" in texts(page)
    set_number(page, key_of(page, "data.max_train_images"), 100)
    assert "<b>100</b> to train on" in texts(page)
    assert "<b>153</b> to validate on" in texts(page)
    press(page, "Fewer of these, too")
    assert draft_of(page).good.data.cap_held_out
    assert "<b>11</b> to validate on" in texts(page)
    assert "<b>20</b> to test on" in texts(page)
    assert not any(button.label == "Fewer of these, too" for button in page.button)
