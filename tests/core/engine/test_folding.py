"""Folded networks answer as they did."""

import pytest
import torch
from torch import nn

from core.engine.folding import fold_norms
from core.engine.model import build_model
from core.spec.presets import PRESETS


@pytest.mark.parametrize("name", ["report-beaten", "preact-se-20x4", "resnet20"])
def test_answers_are_the_same_without_the_norms(name: str) -> None:
    torch.manual_seed(0)
    spec = PRESETS[name].spec
    model = build_model(spec.model, 10, 32).eval()
    for norm in (module for module in model.modules() if isinstance(module, nn.BatchNorm2d)):
        nn.init.uniform_(norm.running_mean, -0.5, 0.5)
        nn.init.uniform_(norm.running_var, 0.5, 2.0)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    folded, images = fold_norms(model), torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(folded(images), model(images), rtol=1e-4, atol=1e-4)
    norms, left = (sum(isinstance(each, nn.BatchNorm2d) for each in net.modules()) for net in (model, folded))
    assert left < norms
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
