"""The presets hold to the numbers of the references they name."""

import pytest

from core.spec.cost import cost_of
from core.spec.presets import PRESETS, Preset, find_preset
from core.spec.schedule import updates_per_epoch


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("resnet18", 11_173_962),  # as people quote for the CIFAR form
        ("resnet20", 269_722 + 2_752),  # 0.27 M in He et al. 2015, and the convolutions of option B
        ("resnet56", 853_018 + 2_752),  # 0.85 M
        ("efficient-resnet", 4_697_742 - 580),  # 580: one squeeze-and-excitation with biases after the stem
    ],
)
def test_presets_have_the_parameters_of_their_references(name: str, parameters: int) -> None:
    assert cost_of(PRESETS[name].spec).parameters == parameters


def test_a_preset_is_found_by_the_name_that_it_had_before() -> None:
    assert find_preset("fast-94") is PRESETS["preact-muon-16"]
    assert find_preset("fast-96") is PRESETS["preact-se-50"]
    assert not [preset.name for preset in PRESETS.values() if "fast" in preset.name]
    with pytest.raises(KeyError):
        find_preset("fast-95")


def test_the_report_is_the_one_to_reproduce() -> None:
    spec = PRESETS["report"].spec
    assert [(layer.channels, layer.blocks, layer.filter_size, layer.skip_kernel) for layer in spec.model.layers] == [
        (32, 2, 3, 1),
        (128, 2, 3, 1),
        (256, 2, 3, 1),
    ]
    assert (spec.model.stem_channels, spec.model.pool_size, spec.model.attention) == (16, 4, "se")
    assert (spec.train.optimizer, spec.train.batch_size, spec.train.epochs) == ("adam", 16, 20)
    assert spec.train.learning_rate == 0.00037167893563643987
    assert (spec.train.weight_decay, spec.train.schedule, spec.train.period_epochs) == (0.0005, "cosine", 200)
    assert spec.data.dataset == "cifar10"
    assert "84.098" in PRESETS["report"].source


def test_the_papers_64000_updates_are_182_epochs() -> None:
    train = PRESETS["resnet20"].spec.train
    assert abs(train.epochs * updates_per_epoch(train, 45_000) - 64_000) < 100
    assert train.milestones == (91, 136)


def test_the_usual_budget_holds_all_but_resnet18() -> None:
    over = [name for name, preset in PRESETS.items() if cost_of(preset.spec).parameters > 5_000_000]
    assert over == ["resnet18"]


def test_the_report_is_beaten_with_half_its_epochs_and_fewer_parameters() -> None:
    report, ours = PRESETS["report"].spec, PRESETS["report-beaten"].spec
    assert 2 * ours.train.epochs == report.train.epochs
    assert round(100 * cost_of(ours).parameters / cost_of(report).parameters) == 74
    assert "74 %" in PRESETS["report-beaten"].note


@pytest.mark.parametrize("preset", PRESETS.values(), ids=list(PRESETS))
def test_every_preset_says_where_it_comes_from_and_what_was_decided(preset: Preset) -> None:
    assert preset.title
    assert preset.source.endswith(".")
    assert preset.note.endswith(".")


def test_the_first_look_needs_no_download() -> None:
    assert PRESETS["first-look"].spec.data.dataset == "digits"
    assert next(iter(PRESETS)) == "first-look"
