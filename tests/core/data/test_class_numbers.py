"""What is handed in by index is the number that the set itself gives a class."""

from pathlib import Path

import pytest

from core.data.class_numbers import keep_numbers, number_by_name, read_numbers, tell_numbers
from core.data.folder import inspect_folder
from core.data.store import DataError
from tests.folders import make_folder


@pytest.mark.parametrize(
    ("classes", "numbers"),
    [
        (("bird", "cat", "dog"), (0, 1, 2)),
        (("00", "02", "10"), (0, 2, 10)),
        (("1", "10", "2"), (1, 10, 2)),  # as names are sorted
        (("-1", "1"), (-1, 1)),
        (("1", "01"), (0, 1)),
        (("1", "2", "cat"), (0, 1, 2)),
        (("1.5", "2"), (0, 1)),
    ],
)
def test_folders_named_by_whole_numbers_are_these(classes: tuple[str, ...], numbers: tuple[int, ...]) -> None:
    assert number_by_name(classes) == numbers


def test_numbers_are_kept_where_the_names_do_not_tell_them_and_are_no_file_left_out(tmp_path: Path) -> None:
    root = make_folder(tmp_path, {"cat": 2, "dog": 2})
    keep_numbers(root, {"cat": 0, "dog": 1})
    assert [path.name for path in root.iterdir() if path.is_file()] == []
    keep_numbers(root, {"dog": 3, "cat": 7})
    assert read_numbers(root, ("cat", "dog")) == (7, 3)
    assert inspect_folder(str(root)).left_out == ()
    assert tell_numbers(("cat", "dog"), (7, 3)) == "3 dog, 7 cat"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "class_numbers.json cannot be read"),
        ("[1, 2]", "holds no JSON object"),
        ('{"cat": 1}', "no whole number for each class folder"),
        ('{"cat": 1, "dog": true}', "no whole number for each class folder"),
        ('{"cat": 1, "dog": 1}', "two class folders one number"),
    ],
)
def test_numbers_that_do_not_fit_are_a_sentence(tmp_path: Path, content: str, sentence: str) -> None:
    (tmp_path / "class_numbers.json").write_text(content)
    with pytest.raises(DataError) as caught:
        read_numbers(tmp_path, ("cat", "dog"))
    assert sentence in str(caught.value)
    assert "mend or remove the file" in str(caught.value)
