"""Runs are found as people type, and what cannot be read is told with its place."""

from dataclasses import replace

import pytest

from core.runs.query import QueryError, list_keys, list_values, parse_query, suggest_query
from core.runs.records import RunSummary
from core.spec.fields import list_changed
from core.spec.parse import parse_spec
from core.spec.presets import PRESETS
from core.spec.settings import apply_settings

RUNS = [
    RunSummary(
        id=f"20261129-13333{seed}-333-abc{seed}{seed}{seed}",
        name=f"base seed {seed}",
        state="finished",
        tags=("baseline", "with space"),
        optimizer="adam",
        dataset="digits",
        learning_rate=0.001,
        seed=seed,
        epochs=20,
        parameters=78_714,
        best_val_accuracy=0.8 + seed / 100,
    )
    for seed in range(6)
]
OTHER = RunSummary(
    id="20261130-120000-000-123456",
    name="Wide net, 13 blocks",
    state="failed",
    tags=("baseline-2",),
    optimizer="muon",
    dataset="cifar10",
    learning_rate=0.0005,
    note="as in the paper",
    parameters=5_000_000,
)


def find(text: str) -> list[str]:
    query = parse_query(text)
    return [run.name for run in [*RUNS, OTHER] if query.finds(run)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("seed 3", ["base seed 3"]),
        ("3", ["base seed 3"]),
        ("seed = 3", ["base seed 3"]),
        ("train.seed==3", ["base seed 3"]),
        ('"seed 4"', ["base seed 4"]),
        ("learning_rate < 0.001", [OTHER.name]),
        ("learning_rate<1e-3 optimizer=Muon", [OTHER.name]),
        ("Learning rate < 0.001", [OTHER.name]),
        ("wide learning rate < 0.001 batch size > 0", []),
        ("paper learning rate < 0.001 seed = 0", [OTHER.name]),
        ("optimizer != adam", [OTHER.name]),
        ("tag:baseline-2", [OTHER.name]),
        ("tag:baseline seed >= 4", ["base seed 4", "base seed 5"]),
        ('tag:"with space" seed<1', ["base seed 0"]),
        ("best >= 85%", ["base seed 5"]),
        ("parameters > 1M", [OTHER.name]),
        ("NET wide", [OTHER.name]),
        ("et", []),  # within a word
        ("name:et", [OTHER.name]),
        ("paper", [OTHER.name]),
        ("120000", [OTHER.name]),  # half an id
        ("state = failed", [OTHER.name]),
        ("test > 0", []),  # not known
        ("", [*(run.name for run in RUNS), OTHER.name]),
    ],
)
def test_what_is_typed_finds_what_is_meant(text: str, found: list[str]) -> None:
    assert find(text) == found


def make(name: str, *settings: str) -> RunSummary:
    spec = parse_spec(apply_settings(PRESETS["first-look"].spec.model_dump(mode="json"), list(settings)))
    configuration = tuple(list_changed(spec))
    return RunSummary(id=name, name=name, state="finished", configuration=configuration)


KEPT = (("Model.Depth", 18), ("lr", 0.1), ("aug", "RandAugment"))
FOREIGN = RunSummary(
    id="w",
    name="w",
    state="finished",
    tool="W&B",
    configuration=(("Model.Depth", 18), ("lr", 0.1), ("aug", "RandAugment")),
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("momentum > 0.9", ["a"]),
        ("train.momentum = 0.95", ["a"]),
        ("momentum <= 0.9", ["b"]),
        ("a layers[0].channels = 20", ["a"]),
        ("stem channels > 0", ["a", "b"]),
        ("flip = yes", ["a"]),
        ("augment.flip = false", ["b"]),
        ("channels = 48", ["b"]),
        ("channels >= 32", ["a", "b"]),
        ("layers[0].channels = 20", ["a"]),
        ("model.layers[1].channels = 48", ["b"]),
        ("layers[7].channels > 0", []),
        ("channels != 48", ["a"]),
        ("schedule = cosine", ["a"]),
        ("schedule : cos", ["a"]),
        ("schedule != cosine", ["b"]),
        ("depth = 18", ["w"]),
        ("model.depth > 17 lr < 1", ["w"]),
        ("aug:rand", ["w"]),
        ("depth > 18", []),
    ],
)
def test_every_field_of_a_spec_and_every_key_of_another_tool_can_be_asked_for(text: str, found: list[str]) -> None:
    first = make(
        "a", "train.momentum=0.95", "augment.flip=true", "train.schedule=cosine", "model.layers[0].channels=20"
    )
    second = make("b", "augment.flip=false", "model.layers[1].channels=48", "train.schedule=constant")
    query = parse_query(text, {key for key, _ in FOREIGN.configuration})
    assert [run.name for run in (first, second, FOREIGN) if query.finds(run)] == found


@pytest.mark.parametrize(
    ("text", "wrong", "says"),
    [
        ("net rate < 1", "rate", "There is no field rate"),
        ("learning_rate < 0,001", "0,001", "0,001 is none; write decimals with a point."),
        ("momentum < 0,9", "0,9", "it; write decimals with a point."),
        ("-tag:baseline", "-tag", "What is not is written with !=, as in tag != baseline."),
        ("wide OR deep", "OR", "There is no OR: all that is typed must hold"),
        ("NOT tag:baseline", "NOT", "write != instead"),
        ("learning_rate < much", "much", "learning_rate is a number, and much is none."),
        ("optimizer > adam", ">", "optimizer is text: it can be = or !=, not >."),
        ("momentum > high", "high", "high is no number, so nothing is > it."),
        ("layers[0].colour = 3", "layers[0].colour", "There is no field"),
        ("seed <", "seed <", "After < a value is missing."),
        ("< 3", "<", "Before < the name of a field is missing."),
        ('name:"open', '"open', "is not closed"),
    ],
)
def test_an_error_names_its_place(text: str, wrong: str, says: str) -> None:
    with pytest.raises(QueryError, match=r".") as caught:
        parse_query(text)
    assert text[caught.value.start : caught.value.end] == wrong
    assert says in str(caught.value)


def test_a_percentage_finds_the_share_that_is_shown_so() -> None:
    for hundredths in range(0, 10_001, 7):
        run = RunSummary(id="x", name="x", state="finished", test_accuracy=round(hundredths / 10_000, 4))
        assert parse_query(f"test = {hundredths / 100:.2f}%").finds(run)
        assert not parse_query(f"test != {hundredths / 100:.2f}%").finds(run)


def test_a_number_after_a_word_of_names_is_a_word_too() -> None:
    run = RunSummary(id="x", name="test 2", state="finished")
    assert parse_query("test 2").finds(run)


@pytest.mark.parametrize(
    ("text", "sentence"), [("test > 90", "test is a share: write 90%"), ("a" * 501, "at most 500 letters")]
)
def test_what_could_never_be_found_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(QueryError, match=sentence):
        parse_query(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("augment.mixup = true", True),
        ("augment.mixup = false", False),
        ("width > 32", True),
        ("width < 32", False),
        ("width != 64", False),
        ("model: res", True),
        ("model = resnet", False),
        ("from: tensor", True),
        ("batch_size > 8", False),  # it is not told
    ],
)
def test_keys_of_imported_configurations_are_fields(text: str, found: bool) -> None:
    configuration = (("augment.mixup", True), ("width", "64"), ("model", "ResNet-18"))
    run = RunSummary("id", "a name", "finished", tool="TensorBoard", configuration=configuration)
    assert parse_query(text, list_keys([run])).finds(run) is found


def test_a_key_that_no_run_has_is_no_field() -> None:
    with pytest.raises(QueryError, match="There is no field width"):
        parse_query("width = 3")


def test_words_to_complete_are_those_of_the_list_that_is_asked_for() -> None:
    few, more = [RUNS[0]], [RUNS[0], replace(RUNS[1], tags=("late",))]
    for _ in range(2):
        assert list_values(few)["tag"] == ["baseline", "with space"]
        assert list_values(more)["tag"] == ["baseline", "late", "with space"]
    assert list_values(more) is list_values(more)


@pytest.mark.parametrize(
    ("text", "better"),
    [
        ("tag:first try", 'tag:"first try"'),
        ("tag:first try seed = 3", 'tag:"first try" seed = 3'),
        ("wide name = a b c", 'wide name = "a b c"'),
        ('tag:"first try" wide', ""),
        ("tag:first", ""),
        ("learning_rate < 0.1 wide", ""),
        ('tag:first "try', ""),
        ("", ""),
    ],
)
def test_a_value_of_several_words_is_suggested_in_quotation_marks(text: str, better: str) -> None:
    assert suggest_query(text, {}) == better


@pytest.mark.parametrize(
    ("text", "better"),
    [
        ("optimizer = muun", "optimizer = muon"),
        ("train.optimizer=muo seed = 3", "train.optimizer=muon seed = 3"),
        ("tag:base", "tag:baseline"),
        ("tag:with", 'tag:"with space"'),
        ("data = cifr10", "data = cifar10"),
        ("optimizer = muon", ""),  # known: something else finds nothing
        ("optimizer != muun", ""),
        ("tag:zzz", ""),
        ('tag:""', ""),
    ],
)
def test_a_value_that_no_run_has_is_answered_with_the_nearest(text: str, better: str) -> None:
    assert suggest_query(text, list_values([*RUNS, OTHER])) == better


def test_words_of_other_search_boxes_are_found_in_quotation_marks() -> None:
    run = RunSummary(id="x", name="this OR that, or none", state="finished")
    assert parse_query('"OR" or').finds(run)


def test_short_names_of_the_field_are_understood_beside_a_key_of_another_tool() -> None:
    own = RunSummary("id", "own", "finished", learning_rate=0.0005)
    other = RunSummary("id", "other", "finished", tool="TensorBoard", configuration=(("lr", 0.0002),))
    query = parse_query("lr < 0.001", list_keys([other]))
    assert query.finds(own)
    assert query.finds(other)
    assert not parse_query("lr > 0.001", list_keys([other])).finds(own)
    assert parse_query("wd = 0")
    assert parse_query("bs = 64")


def test_a_slip_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(QueryError, match="There is no field learningrate; did you mean learning_rate"):
        parse_query("learningrate < 0.1")
