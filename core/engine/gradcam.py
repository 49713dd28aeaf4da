"""Where a network looks: Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391) by captum."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from core.engine.model import ResNet


def list_layers(model: ResNet) -> list[nn.Module]:
    """The layers whose maps can be looked at, the first block layer first; the last is what pooling is given."""
    return [*list(model.layers)[:-1], model.close]


def grad_cam(model: ResNet, image: Tensor, target: int, layer: int = -1) -> npt.NDArray[np.float32]:
    """How much each place speaks for class `target`: (1, 3, s, s) normalised -> (s, s), its highest place 1.

    All 0 where no place speaks for the class. `layer` counts as in `list_layers`. Computed in float32.
    """
    from captum.attr import LayerAttribution, LayerGradCam  # half a second that other questions need not wait for

    size = image.shape[-1]
    model.eval()
    with torch.enable_grad():
        # A leaf that wants a gradient, or the maps before it would have none.
        maps = LayerGradCam(model, list_layers(model)[layer]).attribute(
            image.detach().clone().requires_grad_(), target=target, relu_attributions=True
        )
    model.zero_grad(set_to_none=True)
    heat = LayerAttribution.interpolate(maps.detach(), (size, size), "bilinear")[0, 0]  # (size, size)
    highest = heat.max()
    if not torch.isfinite(highest) or highest <= 0:
        return np.zeros((size, size), np.float32)
    scaled: npt.NDArray[np.float32] = (heat / highest).float().numpy()
    return scaled
