"""Runs are found as people type, and what cannot be read is told with its place."""

import pytest

from core.runs.query import QueryError, list_keys, parse_query
from core.runs.records import RunSummary

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


@pytest.mark.parametrize(
    ("text", "wrong", "says"),
    [
        ("net rate < 1", "rate", "There is no field rate"),
        ("learning_rate < much", "much", "learning_rate is a number, and much is none."),
        ("optimizer > adam", ">", "optimizer is text: it can be = or !=, not >."),
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
