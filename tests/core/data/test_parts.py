"""Parts are known by the spellings that people use; what is not clear is asked."""

import pickle
import unicodedata

import pytest

from core.data.parts import ClassNames, FolderQuestion, Roles, ask_about_classes, find_roles, read_name
from core.data.store import DataError
from core.spec.folder_parts import read_parts


@pytest.mark.parametrize(
    ("role", "names"),
    [
        (
            "train",
            "train Train TRAIN training Training TrainingSet train_set trainset Train-Images train_data trainval",
        ),
        ("val", "val valid Validation VALID dev val_images devset validation_data Validation-Set"),
        ("test", "test Test TESTING testing test_set TestSet testdata Test-Images"),
        ("held", "eval Evaluation holdout"),
        ("", "cat trains station dogs Device tested contest interval prevalidated"),
    ],
)
def test_parts_are_known_by_their_spellings(role: str, names: str) -> None:
    for name in names.split():
        assert read_name(name).role == role, name
        assert not role or read_name(name).rest == (), name


@pytest.mark.parametrize(
    ("names", "roles"),
    [
        (["train", "test"], Roles("train", test="test")),
        (["Training", "Testing"], Roles("Training", test="Testing")),
        (["seg_pred", "seg_test", "seg_train"], Roles("seg_train", test="seg_test")),
        (["train2017", "val2017"], Roles("train2017", val="val2017")),
        (["annotations", "dev", "test", "train"], Roles("train", "dev", "test")),
        (["evaluation", "training", "validation"], Roles("training", "validation", "evaluation")),
        (["eval", "test", "train"], Roles("train", "eval", "test")),
        (["train", "extra"], Roles("train")),
        (["cat", "dog"], None),
        (["train_station", "airport"], None),
    ],
)
def test_parts_are_found_among_folders(names: list[str], roles: Roles | None) -> None:
    assert find_roles("set", names) == roles


@pytest.mark.parametrize(
    ("names", "answers"),
    [
        (["train", "training", "test"], ["train=train, test=test", "train=training, test=test"]),
        (["train", "eval"], ["train=train, val=eval", "train=train, test=eval"]),
        (["train_a", "test_a", "train_b", "test_b"], ["train=train_a, test=test_a", "train=train_b, test=test_b"]),
    ],
)
def test_two_ways_to_read_parts_are_asked_about(names: list[str], answers: list[str]) -> None:
    with pytest.raises(FolderQuestion, match="which are the parts") as caught:
        find_roles("set", names)
    assert [choice.parts for choice in caught.value.choices] == answers
    assert answers[0] in str(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # as a helper process hands it on


def test_parts_without_training_images_are_said() -> None:
    with pytest.raises(DataError, match="holds test/ and val/, and no folder of training images"):
        find_roles("set", ["test", "val"])


INNER = ["cat", "dog"]


@pytest.mark.parametrize(
    ("inner", "answers"),
    [
        ({"images": [], "labels": []}, ["classes"]),
        ({"cat": [], "dog": [], "test": []}, ["classes", "skip=test"]),
        ({"cat": [], "dog": [], "test": INNER}, ["classes", "test=test", "skip=test"]),
        ({"valid": [], "invalid": []}, ["classes"]),
        (
            {"amazon": INNER, "dslr": INNER},
            ["classes", "train=amazon", "train=dslr", "train=amazon, test=dslr", "train=dslr, test=amazon"],
        ),
        ({"fold1": INNER, "fold2": INNER, "fold3": INNER}, ["classes", "train=fold1", "train=fold2", "train=fold3"]),
        ({"cats_train": [], "dogs_test": []}, ["classes"]),
    ],
)
def test_folders_that_look_like_parts_are_asked_about(inner: dict[str, list[str]], answers: list[str]) -> None:
    question = ask_about_classes("set", inner)
    assert question
    assert [choice.parts for choice in question.choices] == answers
    for choice in question.choices:
        read_parts(choice.parts)


@pytest.mark.parametrize(
    "inner",
    [
        {"cat": [], "dog": []},
        {"bus": [], "car": [], "train": []},  # its images lie in it: vehicles
        {"airport": [], "bridge": [], "train_station": []},
        {"cat": ["front"], "dog": ["front"]},
        {"cat": ["young", "old"], "dog": ["small", "large"]},
        {"mask": [], "no_mask": []},
    ],
)
def test_classes_are_not(inner: dict[str, list[str]]) -> None:
    assert ask_about_classes("set", inner) is None


def test_a_class_is_the_same_in_another_case_or_unicode_form_if_only_one_is() -> None:
    composed, apart = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    assert ClassNames(["cat", "dog"]).find("Cat") == 0
    assert ClassNames([composed, "dog"]).find(apart) == 0
    assert ClassNames([composed, apart]).find(apart) == 0
    assert ClassNames(["cat", "Cat"]).find("CAT") is None
    assert ClassNames(["cat"]).find("cow") is None
