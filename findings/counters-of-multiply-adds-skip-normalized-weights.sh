#!/usr/bin/env bash
# thop 0.1.1.post2209072238, torchinfo 1.8.0, ptflops 0.7.5: a convolution with a normalized weight costs nothing.
#
# weight_norm and spectral_norm of torch.nn.utils.parametrizations put a module below the convolution. These three count
# leaves only, so the convolution, which is none any more, falls out, and its new children have no rule: half of this
# residual block is gone, without a warning. torch's own FlopCounterMode, which counts operations, sees all of it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet thop==0.1.1.post2209072238 torchinfo==1.8.0 ptflops==0.7.5 torch==2.13.0 numpy==2.4.6 "setuptools<81"
"$folder/venv/bin/python" - <<'PYTHON'
import contextlib
import io
import warnings
from importlib.metadata import version

import torch
from torch import nn
from torch.nn.utils import parametrizations
from torch.utils.flop_counter import FlopCounterMode

warnings.simplefilter("ignore")  # thop's, of distutils
import ptflops
import thop
import torchinfo

CHANNELS, SIDE = 16, 8
ONE = CHANNELS**2 * 9 * SIDE**2  # multiply-adds of one 3x3 convolution
SHAPE = (CHANNELS, SIDE, SIDE)


class Block(nn.Module):
    """Two convolutions and a way around them; the second one has a normalized weight."""

    def __init__(self, normalize) -> None:
        super().__init__()
        self.first = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=False)
        self.second = normalize(nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=False))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images + self.second(torch.relu(self.first(images)))


def count(normalize) -> dict[str, float]:
    """In convolutions, each time of a fresh block."""
    images = torch.zeros(1, *SHAPE)
    with FlopCounterMode(display=False) as counter:
        Block(normalize)(images)
    counts = {"torch": counter.get_total_flops() / 2}
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        counts["thop"] = thop.profile(Block(normalize), (images,), verbose=False)[0]
        counts["torchinfo"] = torchinfo.summary(Block(normalize), input_data=images, verbose=0).total_mult_adds
        settings = {"as_strings": False, "print_per_layer_stat": False}
        counts["ptflops"] = ptflops.get_model_complexity_info(Block(normalize), SHAPE, **settings)[0]
    return {name: value / ONE for name, value in counts.items()}


print(", ".join(f"{name} {version(name)}" for name in ("thop", "torchinfo", "ptflops", "torch")))
for name, normalize, expected in (
    ("none", nn.Identity(), 2),
    ("weight_norm", parametrizations.weight_norm, 1),
    ("spectral_norm", parametrizations.spectral_norm, 1),
):
    counts = count(normalize)
    print(f"{name:13}", {key: round(value, 2) for key, value in counts.items()}, "convolutions")
    assert counts.pop("torch") == 2
    assert all(abs(value - expected) < 0.05 for value in counts.values())
PYTHON
