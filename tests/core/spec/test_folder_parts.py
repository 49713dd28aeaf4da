"""Parts of an image folder as people write them."""

import pytest

from core.spec import DataSpec
from core.spec.folder_parts import is_parts, read_parts, write_parts
from core.spec.parse import SpecError, parse_spec


def test_folders_are_read_with_their_roles_whatever_is_in_their_names() -> None:
    pairs = (("train", "a, b"), ("val", "c=d"), ("test", "Été 2"), ("skip", "e"), ("skip", "f"))
    assert read_parts("train=a, b, val=c=d, test = Été 2/ ,skip=e,skip=f") == pairs
    assert read_parts(write_parts(pairs)) == pairs
    assert read_parts("") == read_parts(" classes ") == ()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("training", "write classes, or folders as in train=A"),
        ("train=", "write classes"),
        ("learn=a", "write classes"),
        ("train=/", "names no folder for a part"),
        ("train=a, train=b", "names two folders for train"),
        ("train=a, test=a", "names a folder twice"),
    ],
)
def test_what_cannot_be_read_is_a_sentence_at_its_field(text: str, sentence: str) -> None:
    assert not is_parts(text)
    with pytest.raises(SpecError) as caught:
        parse_spec({"data": {"folder_parts": text}})
    (problem,) = caught.value.problems
    assert problem.path == "data.folder_parts"
    assert sentence in problem.message


def test_specs_of_before_read_names_as_they_are_and_cap_the_training_images_alone() -> None:
    assert (DataSpec().folder_parts, DataSpec().cap_held_out) == ("", False)
