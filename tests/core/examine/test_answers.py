"""What images are taken for, as a table and as a file to hand in."""

import csv
import io
import unicodedata
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import logsumexp

from core.examine.answers import (
    Answer,
    HandIn,
    Threshold,
    explain_hand_in,
    explain_unmarked,
    find_labels,
    find_numbers,
    find_threshold,
    make_member,
    measure,
    measure_energy,
    read_order,
    require_same_classes,
    sort_by_doubt,
    summarize,
    tell_answers,
    write_hand_in,
    write_table,
)
from core.examine.predictions import Predicted, read_stored
from core.examine.weights import ExamineError
from core.helper.questions import OwnPiece
from core.system import files
from tests.core.examine.made_weights import weights_of
from tests.examined import VAL, make_examined, make_logits
from tests.pages.sample_runs import add_checkpoint, make_run

CLASSES = ["cat", "=dog", "bird"]
NAMES = ["cat/1.png", "cat/2.png", "=dog/3.png", "=dog/broken.png"]
FOUND = OwnPiece(
    np.array([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.4, 0.4, 0.2], [np.nan] * 3]),
    np.array([-5.0, -1.0, -4.0, np.nan]),
    {3: "It is no image."},
    4,
)


@pytest.fixture
def told() -> list[Answer]:
    return tell_answers(NAMES, FOUND, Threshold("energy", -2.0, 0.05, 400))


def rows_of(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def test_each_image_has_its_two_guesses_and_equal_ones_go_to_the_lower_class(told: list[Answer]) -> None:
    assert [(answer.guess, answer.second) for answer in told] == [(0, 1), (1, 0), (0, 1), (-1, -1)]
    assert [answer.probability for answer in told][:3] == [0.5, 0.8, 0.4]
    assert [answer.is_unusual for answer in told] == [False, True, False, False]


def test_without_a_threshold_nothing_is_unusual() -> None:
    assert not any(answer.is_unusual for answer in tell_answers(NAMES, FOUND))


def test_the_least_certain_stand_first_after_what_cannot_be_read(told: list[Answer]) -> None:
    assert [answer.index for answer in sort_by_doubt(told)] == [3, 2, 0, 1]


def test_folders_named_as_classes_are_labels(told: list[Answer]) -> None:
    labels = find_labels(NAMES, CLASSES)
    assert labels is not None
    found = measure(told, labels)
    assert found is not None
    assert (found.num_right, found.num_images) == (1, 3)  # the broken one is not counted
    assert find_labels(["cat/1.png", "2.png"], CLASSES) is None
    composed, apart = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    assert find_labels([f"{apart}/1.png"], [composed]) == np.array([0])
    assert find_labels(["cat/bird/1.png"], CLASSES) is None


def test_the_table_has_all_that_is_known(told: list[Answer]) -> None:
    head, broken, _, first, second = rows_of(write_table(told, CLASSES))
    assert head[:3] == ["image", "class", "probability"]
    assert first == ["cat/1.png", "cat", "0.500000", "'=dog", "0.300000", "-5.0", "no", ""]
    assert second[-2] == "yes"
    assert broken == ["'=dog/broken.png", "", "", "", "", "", "", "It is no image."]


def test_the_summary_counts_what_was_read(told: list[Answer]) -> None:
    limit = Threshold("energy", -2.0, 0.0475, 400)
    first, broken, unusual, right = summarize(told, find_labels(NAMES, CLASSES), limit)
    assert (first, broken) == ("3 images predicted.", "1 image cannot be read and has no class.")
    assert unusual.startswith(
        "Unusual: 1 (33.3 %), by the energy of the logits (Liu et al. 2020), as the images of the training"
    )
    assert unusual.endswith("Of the 400 validation images, on which the limit was chosen, 4.8 % are.")
    assert not any("Unusual" in sentence for sentence in summarize(told, None))
    assert right.startswith("By their folders 1 of 3 are right: accuracy 33.33 % (95 % interval")


def test_a_name_that_is_no_utf8_is_written_all_the_same(told: list[Answer]) -> None:
    odd = replace(told[0], name="caf\udce9.png")
    assert rows_of(write_table([odd], CLASSES).encode().decode())[1][0] == r"caf\xe9.png"


# Handing in


def test_the_two_columns_are_named_and_ordered_as_asked(told: list[Answer]) -> None:
    sound = told[:3]
    by_index = HandIn(("Id", "Category"), "stem", "index", ("3", "1", "2"))
    assert rows_of(write_hand_in(sound, CLASSES, by_index)) == [["Id", "Category"], ["3", "0"], ["1", "0"], ["2", "1"]]
    by_name = HandIn(ids="number")
    assert rows_of(write_hand_in(sound, CLASSES, by_name))[1:] == [["0", "cat"], ["1", "'=dog"], ["2", "cat"]]


def test_an_index_is_the_number_that_the_set_gives_the_class(told: list[Answer]) -> None:
    asked = HandIn(ids="number", labels="index", numbers=(7, 0, 3))
    assert rows_of(write_hand_in(told[:3], CLASSES, asked))[1:] == [["0", "7"], ["1", "0"], ["2", "7"]]
    assert explain_hand_in(told[:3], CLASSES, asked, "--exact") == ["By index: 0 =dog, 3 bird, 7 cat."]


def test_a_name_with_a_carriage_return_begins_no_line_of_its_own(told: list[Answer]) -> None:
    text = write_hand_in([replace(told[0], name="a\r=1+1.png")], CLASSES, HandIn())
    assert text == 'ID,Label\n"a\r=1+1.png",cat\n'


def test_names_are_guarded_until_they_are_asked_for_as_they_are(told: list[Answer]) -> None:
    guarded = rows_of(write_hand_in(told[:3], CLASSES, HandIn()))
    assert guarded[1:] == [["cat/1.png", "cat"], ["cat/2.png", "'=dog"], ["'=dog/3.png", "cat"]]
    (sentence,) = explain_hand_in(told[:3], CLASSES, HandIn(), "--exact")
    assert sentence.startswith("An apostrophe stands before 2 names such as =dog, which a spreadsheet would run")
    assert sentence.endswith("--exact writes them as they are.")
    exact = rows_of(write_hand_in(told[:3], CLASSES, HandIn(exact=True)))
    assert exact[1:] == [["cat/1.png", "cat"], ["cat/2.png", "=dog"], ["=dog/3.png", "cat"]]
    assert explain_hand_in(told[:3], CLASSES, HandIn(exact=True), "--exact") == []


@pytest.mark.parametrize(
    ("hand_in", "images", "sentence"),
    [
        (HandIn(), slice(None), "1 of the images cannot be read, the first =dog/broken.png"),
        (HandIn(order=("9.png", "8.png")), slice(3), "2 ids that are asked for have no image, the first of them 9.png"),
    ],
)
def test_a_file_that_would_not_be_whole_is_not_written(told, hand_in: HandIn, images: slice, sentence: str) -> None:
    with pytest.raises(ExamineError, match=sentence):
        write_hand_in(told[images], CLASSES, hand_in)


def test_ids_that_repeat_are_refused() -> None:
    twice = tell_answers(["a/1.png", "b/1.png"], OwnPiece(FOUND.probabilities[:2], FOUND.energies[:2], {}, 2))
    with pytest.raises(ExamineError, match="same id by their stem"):
        write_hand_in(twice, CLASSES, HandIn(ids="stem"))


def test_the_order_is_the_first_column_of_the_sample() -> None:
    assert read_order("\ufeffId,Category\n7.png,cat\n3.png,cat\n") == ("7.png", "3.png")
    with pytest.raises(ExamineError, match="no rows below its header"):
        read_order("Id,Category\n")


# Runs


def test_a_twentieth_of_the_validation_images_would_be_unusual() -> None:
    run = make_examined()
    stored = read_stored(run, weights_of(run), "val")
    assert stored is not None
    found = find_threshold("energy", measure_energy([stored]))
    energies = -logsumexp(make_logits(VAL, 0)[0].astype(float), axis=1)
    assert (energies > found.limit).sum() == VAL * 0.05
    assert (found.share, found.images) == (0.05, VAL)


def test_distances_mark_where_there_are_any() -> None:
    found = replace(FOUND, distances=np.array([0.5, 1.0, 3.0, np.nan]))
    told = tell_answers(NAMES, found, Threshold("distance", 2.0, 0.05, 400))
    assert [answer.is_unusual for answer in told] == [False, False, True, False]
    assert rows_of(write_table(told, CLASSES, "distance"))[0][5] == "distance"
    assert rows_of(write_table(told, CLASSES, "distance"))[2][5:7] == ["3.0", "yes"]
    sentences = summarize(told, None, Threshold("distance", 2.0, 0.05, 400))
    assert any("by the distance to the nearest training features" in sentence for sentence in sentences)


def test_several_runs_mark_by_their_mean_energy_if_validated_on_the_same_images() -> None:
    first, second = make_logits(VAL, 0), make_logits(VAL, 1)
    found = measure_energy([Predicted(logits.astype(float), given) for logits, given in (first, second)])
    energies = -(logsumexp(first[0].astype(float), axis=1) + logsumexp(second[0].astype(float), axis=1)) / 2
    np.testing.assert_allclose(found, energies)
    runs = [make_examined(), make_examined()]
    assert explain_unmarked(runs) == ""
    files.write_json(runs[1].path / "environment.json", {**runs[1].environment(), "data_fingerprint": "other"})
    assert "not validated on the same images" in explain_unmarked(runs)
    assert explain_unmarked(runs[1:]) == ""
    bare = make_run(settings=("data.val_fraction=0",))
    files.write_json(bare.path / "environment.json", {**bare.environment(), "val_images": 0})
    assert "no images were held out" in explain_unmarked([bare])


def test_a_run_is_asked_with_the_scale_of_its_own_images() -> None:
    run = make_examined()
    add_checkpoint(run)
    with pytest.raises(ExamineError, match="did not record the mean and spread"):
        make_member(run)
    scale = {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.2, 0.1]}
    files.write_json(run.path / "environment.json", {**run.environment(), **scale})
    member, weights = make_member(run)
    assert (member.mean, member.std) == ((0.5, 0.4, 0.3), (0.2, 0.2, 0.1))
    assert weights.key == "best"


def test_runs_of_other_classes_have_no_mean() -> None:
    one, other = make_examined(), make_examined()
    assert require_same_classes([one, other])[3] == "kind 3"
    names = [f"sort {number}" for number in range(10)]
    files.write_json(other.path / "environment.json", {**other.environment(), "class_names": names})
    with pytest.raises(ExamineError, match="tells other classes apart"):
        require_same_classes([one, other])


def test_runs_number_their_classes_as_noted_and_those_of_earlier_versions_by_name() -> None:
    run, old, other = make_examined(), make_examined(), make_examined()
    assert find_numbers([old]) == list(range(10))
    numbers = list(range(10, 20))
    files.write_json(run.path / "environment.json", {**run.environment(), "class_numbers": numbers})
    assert find_numbers([old, run]) == numbers
    files.write_json(other.path / "environment.json", {**other.environment(), "class_numbers": numbers[::-1]})
    with pytest.raises(ExamineError, match="number their classes differently"):
        find_numbers([run, other])
    named = {**old.environment(), "class_names": [str(3 * number) for number in range(10)]}
    files.write_json(old.path / "environment.json", named)
    assert find_numbers([old])[:3] == [0, 3, 6]
