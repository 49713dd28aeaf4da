"""Which of two models is better: mean and spread over seeds, tests on the same images, and one honest sentence.

Arrays in, numbers out. Accuracies and differences are fractions (0 to 1); only `verdict` speaks of points (1 point is
0.01). Distributions come from `scipy.special`: `scipy.stats` would add 50 MB to the page's process for the same ones.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from core.text.words import count_of

CONFIDENCE = 0.95
POWER = 0.80
MAX_SEEDS = 1_000_000
_TAIL = (1 - CONFIDENCE) / 2


class Interval(NamedTuple):
    """A 95 % confidence interval, both ends included."""

    low: float
    high: float


@dataclass(frozen=True)
class Summary:
    """Values of one figure over seeds; the spreads are None if one value has none to show."""

    n: int
    mean: float
    standard_deviation: float | None
    standard_error: float | None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A minus B: `interval` and `p_value` are None if the data hold no spread to judge by."""

    difference: float
    interval: Interval | None
    p_value: float | None

    @property
    def is_settled(self) -> bool:
        """True if interval and test both rule out "no difference": with few images either can be overconfident."""
        if self.interval is None or self.p_value is None:
            return False
        return self.p_value < 2 * _TAIL and not self.interval.low <= 0 <= self.interval.high


@dataclass(frozen=True, kw_only=True)
class PairedComparison(Comparison):
    """One run a side on the same images; the four cells count images and sum to `num_images`."""

    both_right: int
    only_a: int
    only_b: int
    both_wrong: int

    @property
    def num_images(self) -> int:
        return self.both_right + self.only_a + self.only_b + self.both_wrong


@dataclass(frozen=True, kw_only=True)
class SeedComparison(Comparison):
    """Several seeds a side, one figure each (as test accuracy)."""

    a: Summary
    b: Summary
    degrees_of_freedom: float | None


@dataclass(frozen=True, kw_only=True)
class GroupComparison(SeedComparison):
    """Several runs a side on the same images; `counts_seeds` is False if a side has one run, so no spread."""

    num_images: int
    counts_seeds: bool
    images_variance: float  # of the difference, through the choice of images alone


def summarise(values: npt.ArrayLike) -> Summary:
    """Mean, sample standard deviation (n - 1) and standard error of the mean over seeds. ValueError when empty."""
    array = _check_values(values)
    n = array.size
    mean = float(array.mean())
    if n == 1:
        return Summary(1, mean, None, None)
    # Equal values have no spread; their rounded mean would lend them one.
    deviation = float(array.std(ddof=1)) if np.ptp(array) > 0 else 0.0
    return Summary(n, mean, deviation, deviation / n**0.5)


def compare_paired(correct_a: npt.ArrayLike, correct_b: npt.ArrayLike) -> PairedComparison:
    """Two models on the same images: exact McNemar test and paired bootstrap interval, for (images,) of right or wrong.

    The test is the binomial one on the images that only one side gets right (McNemar 1947, exact form). The interval is
    the percentile bootstrap over images (Efron 1979). Resampling images resamples the four cells, so the distribution
    of the resampled difference is a sum of independent steps of -1, 0 and 1, and is computed exactly instead of drawn:
    the limit of infinitely many resamples, fast, and the same at every call. ValueError if the sides do not match.
    """
    a, b = _check_correct(correct_a, "A"), _check_correct(correct_b, "B")
    if a.ndim != 1 or b.ndim != 1:
        raise ValueError("compare_paired takes one run a side; compare_groups takes several")
    _check_same_images(a, b)
    only_a, only_b = int((a & ~b).sum()), int((~a & b).sum())
    return PairedComparison(
        difference=(only_a - only_b) / a.size,
        interval=_bootstrap_interval(only_a, only_b, a.size),
        p_value=_exact_mcnemar(only_a, only_b),
        both_right=int((a & b).sum()),
        only_a=only_a,
        only_b=only_b,
        both_wrong=int((~a & ~b).sum()),
    )


def _exact_mcnemar(only_a: int, only_b: int) -> float:
    """Two-sided binomial p of this uneven a split, were both sides equally good."""
    return min(1.0, 2 * float(special.bdtr(min(only_a, only_b), only_a + only_b, 0.5)))


def _bootstrap_interval(only_a: int, only_b: int, num_images: int) -> Interval:
    """Percentile interval of the difference under resampling of the images, from its exact distribution."""
    size = 2 * num_images + 1  # the differences -n to n, in images
    angles = 2j * np.pi / size * np.arange(num_images + 1)
    chance_a, chance_b = only_a / num_images, only_b / num_images
    step = (1 - chance_a - chance_b) + chance_a * np.exp(-angles) + chance_b * np.exp(angles)
    chances = np.fft.fftshift(np.fft.irfft(step**num_images, size))  # (2n + 1,), from -n to n

    def lower_end(chances: np.ndarray) -> int:
        # The transform is exact to about 1e-12: without this margin a tie could fall differently when A and B swap.
        return int(np.searchsorted(np.cumsum(chances), _TAIL - 1e-9)) - num_images

    return Interval(lower_end(chances) / num_images, -lower_end(chances[::-1]) / num_images)


def compare_seeds(a: npt.ArrayLike, b: npt.ArrayLike) -> SeedComparison:
    """Welch's t test and interval (Welch 1947) for the difference of the means of two sets of seeds.

    Holds for these test images; `compare_groups` also counts the choice of images. No interval if a side has one
    seed, or if the values of each side are all the same.
    """
    side_a, side_b = summarise(a), summarise(b)
    parts = _seed_parts(side_a, side_b)
    difference = side_a.mean - side_b.mean
    interval, p_value, freedom = _t_test(difference, parts) if parts else (None, None, None)
    return SeedComparison(
        difference=difference, interval=interval, p_value=p_value, a=side_a, b=side_b, degrees_of_freedom=freedom
    )


def compare_groups(correct_a: npt.ArrayLike, correct_b: npt.ArrayLike) -> GroupComparison:
    """Several runs a side on the same images, (runs, images) of right or wrong: would it hold for new seeds and images?

    Two random factors are crossed: images (shared by both sides) and seeds (each side its own), the design of
    multi-reader multi-case studies (Gallas et al. 2007). The variance of the difference is the sum of its image part
    and of Welch's seed parts, and the interval is Student's t with Satterthwaite's (1946) degrees of freedom. The noise
    of a seed on single images counts in both parts, which errs to the safe side. Why not a bootstrap over seeds and
    images (Owen 2007): with 3 seeds a side its 95 % intervals held the truth in 85 to 100 of 100 simulated studies,
    with 2 seeds in 77 to 99; these in 95 to 99 and 94 to 98. ValueError if the images do not match.
    """
    a, b = np.atleast_2d(_check_correct(correct_a, "A")), np.atleast_2d(_check_correct(correct_b, "B"))
    _check_same_images(a, b)
    num_images = a.shape[1]
    side_a, side_b = summarise(a.mean(1)), summarise(b.mean(1))
    by_image = a.mean(0) - b.mean(0)  # (images,)
    image_part = float(by_image.var(ddof=1)) / num_images if num_images > 1 else 0.0
    seed_parts = _seed_parts(side_a, side_b)
    difference = side_a.mean - side_b.mean
    parts = [(image_part, num_images - 1), *(seed_parts or [])]
    interval, p_value, freedom = _t_test(difference, parts)
    noise = _noise_variance(a) + _noise_variance(b)
    return GroupComparison(
        difference=difference,
        interval=interval,
        p_value=p_value,
        a=side_a,
        b=side_b,
        degrees_of_freedom=freedom,
        num_images=num_images,
        counts_seeds=seed_parts is not None,
        images_variance=max(0.0, image_part - noise),
    )


def _noise_variance(correct: npt.NDArray[np.bool_]) -> float:
    """Variance that the interaction of seeds and images lends to the mean of (runs, images): gone with many seeds."""
    runs, images = correct.shape
    if runs == 1 or images == 1:
        return 0.0
    residual = correct - correct.mean(0) - correct.mean(1, keepdims=True) + correct.mean()
    return float((residual**2).sum() / ((runs - 1) * (images - 1)) / correct.size)


def _seed_parts(a: Summary, b: Summary) -> list[tuple[float, float]] | None:
    """Welch's (variance of the mean, degrees of freedom) of each side; None if a side has one seed."""
    if a.standard_error is None or b.standard_error is None:
        return None
    return [(a.standard_error**2, a.n - 1), (b.standard_error**2, b.n - 1)]


def _t_test(difference: float, parts: list[tuple[float, float]]) -> tuple[Interval | None, float | None, float | None]:
    """Interval, two-sided p and degrees of freedom for independent (variance, degrees) parts; None without variance."""
    variance, freedom = _satterthwaite(parts)
    if variance == 0:
        return None, None, None
    error = variance**0.5
    reach = float(special.stdtrit(freedom, 1 - _TAIL)) * error
    p_value = 2 * float(special.stdtr(freedom, -abs(difference) / error))
    return Interval(difference - reach, difference + reach), p_value, freedom


def _satterthwaite(parts: list[tuple[float, float]]) -> tuple[float, float]:
    """Total variance and its effective degrees of freedom (Satterthwaite 1946)."""
    variance = float(sum(part for part, _ in parts))
    if variance == 0:
        return 0.0, np.inf
    return variance, 1 / sum((part / variance) ** 2 / freedom for part, freedom in parts if part > 0)


def seeds_to_settle(comparison: SeedComparison) -> int | None:
    """How many more seeds a side would settle it with 80 % power, if difference and spread stay as seen.

    0 if it is settled. None if nothing says how many: no difference, no spread, over a million, or images that
    cannot settle it with any number of seeds.

    Power of the two-sided t test at 5 % from the noncentral t distribution (Cohen 1988), with Welch's degrees of
    freedom. A figure from few seeds is rough: the difference seen is itself uncertain.
    """
    if comparison.is_settled:
        return 0
    deviation_a, deviation_b = comparison.a.standard_deviation, comparison.b.standard_deviation
    if deviation_a is None or deviation_b is None or deviation_a + deviation_b == 0 or comparison.difference == 0:
        return None
    images_variance = comparison.images_variance if isinstance(comparison, GroupComparison) else 0.0

    def has_power(seeds: int) -> bool:
        parts = [(deviation_a**2 / seeds, seeds - 1), (deviation_b**2 / seeds, seeds - 1), (images_variance, np.inf)]
        return _power(comparison.difference, parts) >= POWER

    seeds = 2 + bisect.bisect_left(range(2, MAX_SEEDS), True, key=has_power)
    return max(1, seeds - min(comparison.a.n, comparison.b.n)) if seeds < MAX_SEEDS else None


def _power(difference: float, parts: list[tuple[float, float]]) -> float:
    """Chance that the t test finds this difference, without the tail of the wrong sign: at 80 % it holds nothing."""
    variance, freedom = _satterthwaite(parts)
    critical = float(special.stdtrit(freedom, 1 - _TAIL))
    shift = min(abs(difference) / variance**0.5, 50.0)  # further out the power is 1 and the series slow
    return 1 - float(special.nctdtr(freedom, shift, critical))


def pareto_front(costs: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Mask of the (points, figures) that no other point beats in one figure without losing in another.

    Lower is better; a point with a figure that is not finite is never on the front.
    """
    values = np.asarray(costs, float)
    front: npt.NDArray[np.bool_] = np.isfinite(values).all(1)
    known = values[front]
    for row in np.flatnonzero(front):
        front[row] = not ((known <= values[row]).all(1) & (known < values[row]).any(1)).any()
    return front


def verdict(comparison: Comparison, a: str = "A", b: str = "B") -> str:
    """One sentence on accuracies: who is better, by how many points, how sure, and on what it is based."""
    if isinstance(comparison, PairedComparison) and comparison.only_a + comparison.only_b == 0:
        return f"Too close to call: {a} and {b} get the very same of {count_of(comparison.num_images, 'image')} right."
    difference, interval = comparison.difference, comparison.interval
    ahead, behind = (a, b) if difference >= 0 else (b, a)
    open_words = "Cannot tell yet" if interval is None else "Too close to call"
    if _points(difference) == "0.0":
        claim = f"{open_words}: {a} and {b} are level"
    elif comparison.is_settled:
        claim = f"{ahead} is better by {_points(abs(difference))} points"
    else:
        claim = f"{open_words}: {ahead} is ahead of {behind} by {_points(abs(difference))} points"
    if interval is not None:
        low, high = interval if difference >= 0 else (-interval.high, -interval.low)
        claim += f" (95 % interval {_points(low)} to {_points(high)})"
    return f"{claim}: {_basis(comparison)}."


def _points(fraction: float) -> str:
    """One decimal, or the first digit that counts if one decimal would read 0.0."""
    points = 100 * fraction
    if abs(points) < 5e-4:
        return "0.0"
    return f"{points:.1f}" if abs(points) >= 0.05 else f"{points:.1g}"


def _basis(comparison: Comparison) -> str:
    """What a verdict rests on, and what would settle an open one."""
    if isinstance(comparison, PairedComparison):
        runs = f"one run a side on the same {count_of(comparison.num_images, 'image')}"
        return f"{runs}, exact McNemar {_p(comparison.p_value)}; other seeds may differ"
    assert isinstance(comparison, SeedComparison)
    a, b = comparison.a.n, comparison.b.n
    basis = f"{count_of(a, 'seed')} a side" if a == b else f"{a} and {count_of(b, 'seed')}"
    test = "Welch t test "
    if isinstance(comparison, GroupComparison):
        basis, test = f"{basis} on the same {count_of(comparison.num_images, 'image')}", "t test "
    if comparison.p_value is not None:
        basis += f", {test}{_p(comparison.p_value)}"
    return "; ".join([basis, *_outlook(comparison)])


def _outlook(comparison: SeedComparison) -> list[str]:
    """What would settle it; nothing if it is settled."""
    if min(comparison.a.n, comparison.b.n) == 1:
        return ["one seed has no spread, so other seeds may differ: train at least two of each"]
    if comparison.interval is None:
        return ["all seeds of a side score alike, so there is no spread to judge by"]
    if comparison.is_settled:
        return []
    if _points(comparison.difference) == "0.0":
        return ["more seeds may show a difference"]
    more = seeds_to_settle(comparison)
    if more is None and isinstance(comparison, GroupComparison):
        return ["more seeds alone would not settle it on these images"]
    many = "more than 1,000 more seeds" if more is None or more > 1000 else f"about {count_of(more, 'more seed')}"
    return [f"{many} a side would settle it, if the difference stays"]


def _p(value: float | None) -> str:
    assert value is not None
    return "p < 0.001" if value < 0.001 else f"p = {value:.2g}"


def _check_values(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    array = np.asarray(values, float).ravel()
    if array.size == 0:
        raise ValueError("values: at least one is needed")
    if not np.isfinite(array).all():
        raise ValueError("values: all must be finite numbers; leave out runs that have none")
    return array


def _check_correct(correct: npt.ArrayLike, side: str) -> npt.NDArray[np.bool_]:
    """(images,) or (runs, images) of right or wrong."""
    try:
        array = np.asarray(correct)
    except ValueError:
        raise ValueError(f"{side}: its runs have predictions for different numbers of images") from None
    if array.ndim not in (1, 2) or array.size == 0:
        raise ValueError(f"{side}: right or wrong is needed for at least one image, one row a run")
    if array.dtype != bool and not np.isin(array, (0, 1)).all():
        raise ValueError(f"{side}: each image is right (1) or wrong (0)")
    return array.astype(bool)


def _check_same_images(a: np.ndarray, b: np.ndarray) -> None:
    if a.shape[-1] != b.shape[-1]:
        counts = f"A has predictions for {count_of(a.shape[-1], 'image')}, B for {b.shape[-1]:,}"
        raise ValueError(f"{counts}: not the same images")
