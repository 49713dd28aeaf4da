"""The training's part of a spec: what is refused, field by field and together."""

from typing import Any

import pytest

from tests.core.spec.reading import problems_of


@pytest.mark.parametrize(
    ("sections", "sentence"),
    [
        ({"train": {"epochs": 0}}, "train.epochs = 0: must be at least 1"),
        ({"train": {"seed": 2**40}}, "train.seed = 1099511627776: must be at most 2,147,483,647"),
        ({"train": {"epochs": 2.5}}, "train.epochs = 2.5: must be a whole number"),
        ({"train": {"epochs": True}}, "train.epochs = true: must be a whole number"),
        ({"train": {"epochs": "5"}}, 'train.epochs = "5": must be a whole number'),
        ({"train": {"nesterov": 1}}, "train.nesterov = 1: must be true or false"),
        ({"train": {"optimizer": "adm"}}, 'train.optimizer = "adm": must be one of sgd, adam, adamw or muon'),
        ({"train": {"device": "gpu"}}, 'train.device = "gpu": must be auto, cpu, mps, cuda or cuda:N'),
        ({"train": {"device": "cuda:٣"}}, 'train.device = "cuda:٣": must be auto, cpu, mps, cuda or cuda:N'),
        ({"train": {"milestones": [5, 3]}}, "train.milestones = [5, 3]: must rise from one to the next"),
        ({"train": {"milestones": [3, 0]}}, "train.milestones[1] = 0: must be at least 1"),
        ({"train": {"milestones": 3}}, "train.milestones = 3: must be a list"),
        ({"train": {"epoch": 3}}, "train.epoch: is no field of a spec; did you mean epochs?"),
        (
            {"train": {"epochs": 5, "warmup_epochs": 5.0}},
            "train.warmup_epochs = 5.0: must be shorter than the training of 5 epochs",
        ),
        (
            {"train": {"optimizer": "sgd", "momentum": 0.0}},
            "train.momentum = 0: must be above 0 with Nesterov; or switch Nesterov off",
        ),
    ],
)
def test_a_refusal_is_a_sentence_that_names_the_field(sections: dict[str, Any], sentence: str) -> None:
    assert problems_of(**sections) == [sentence]
