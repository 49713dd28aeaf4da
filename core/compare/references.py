"""Published results to hold one's own against: what was measured on the very same test images, each with its source."""

from __future__ import annotations

from dataclasses import dataclass

from core.spec import Dataset

HE_2015 = "He et al. 2015, arXiv:1512.03385, table 6"
WRN_4 = "Zagoruyko & Komodakis 2016, arXiv:1605.07146, table 4"
WRN_5 = "Zagoruyko & Komodakis 2016, arXiv:1605.07146, table 5"
WRN_6 = "Zagoruyko & Komodakis 2016, arXiv:1605.07146, table 6"


@dataclass(frozen=True)
class Reference:
    """A published test accuracy (0 to 1); `note` says how many runs it comes from and which of them it is."""

    name: str
    dataset: Dataset
    parameters: int
    test_accuracy: float
    source: str
    note: str = "one run"


# Parameters as the papers round them, but for WRN-16-4 (counted: the paper's table 6 names none) and Efficient ResNet
# (counted by its authors' code).
REFERENCES = (
    Reference("ResNet-20", "cifar10", 270_000, 0.9125, HE_2015),
    Reference("ResNet-32", "cifar10", 460_000, 0.9249, HE_2015),
    Reference("ResNet-44", "cifar10", 660_000, 0.9283, HE_2015),
    Reference("ResNet-56", "cifar10", 850_000, 0.9303, HE_2015),
    Reference("ResNet-110", "cifar10", 1_700_000, 0.9339, HE_2015, "mean of 5 runs; the best has 93.57 %"),
    Reference("WRN-40-2", "cifar10", 2_200_000, 0.9467, WRN_4, "images whitened by ZCA"),
    Reference("WRN-16-4", "cifar10", 2_748_890, 0.9498, WRN_6, "median of 5 runs, no dropout"),
    Reference("WRN-28-10", "cifar10", 36_500_000, 0.9600, WRN_5, "median of 5 runs, no dropout"),
    Reference(
        "Efficient ResNet",
        "cifar10",
        4_697_742,
        0.9604,
        "Thakur et al. 2023, arXiv:2306.12100",
        "one run, the best epoch on the test images",
    ),
    Reference("WRN-40-2", "cifar100", 2_200_000, 0.7396, WRN_4, "images whitened by ZCA"),
    Reference("WRN-16-4", "cifar100", 2_772_020, 0.7597, WRN_6, "median of 5 runs, no dropout"),
    Reference("WRN-28-10", "cifar100", 36_500_000, 0.8075, WRN_5, "median of 5 runs, no dropout"),
)


def references_for(dataset: str) -> tuple[Reference, ...]:
    """The published results on this data set, the smallest network first."""
    return tuple(sorted((ref for ref in REFERENCES if ref.dataset == dataset), key=lambda ref: ref.parameters))
