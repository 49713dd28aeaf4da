"""Which model is better: against published examples, scipy and statsmodels, and in simulated studies."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.power import TTestIndPower
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from core.stats.significance import (
    compare_groups,
    compare_paired,
    compare_seeds,
    pareto_front,
    seeds_to_settle,
    summarise,
    verdict,
)

# R's `t.test(extra ~ group, data = sleep)`: t = -1.8608, df = 17.776, p = 0.07939, interval -3.3654832 to 0.2054832.
SLEEP_A = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
SLEEP_B = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]

cell = st.integers(0, 300)
cells = st.tuples(cell, cell, cell, cell).filter(any)
scores = st.lists(st.floats(0, 1), min_size=1, max_size=8)
points = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=30)


def sides_of(both_right: int, only_a: int, only_b: int, both_wrong: int) -> tuple[np.ndarray, np.ndarray]:
    a = np.repeat([True, True, False, False], [both_right, only_a, only_b, both_wrong])
    return a, np.repeat([True, False, True, False], [both_right, only_a, only_b, both_wrong])


def study(
    rng: np.random.Generator, runs: int, images: int, *, shift: float = 0.0, seed_spread: float = 0.05
) -> tuple[np.ndarray, np.ndarray]:
    """Two models on images of varying difficulty, (runs, images) each; without a shift they are equally good."""
    easy = 1.5 + rng.normal(size=images)

    def side(shift: float) -> np.ndarray:
        own = easy + shift + 0.3 * rng.normal(size=images)
        return own + seed_spread * rng.normal(size=(runs, 1)) + 0.3 * rng.normal(size=(runs, images)) > 0

    return side(shift), side(0.0)


# --- mean and spread over seeds


def test_mean_and_spread_over_seeds_are_the_sample_ones() -> None:
    found = summarise([0.90, 0.92, 0.94])
    assert (found.n, found.mean) == (3, pytest.approx(0.92))
    assert found.standard_deviation == pytest.approx(0.02)
    assert found.standard_error == pytest.approx(stats.sem([0.90, 0.92, 0.94]))


def test_one_seed_has_no_spread_rather_than_a_spread_of_zero() -> None:
    found = summarise([0.9])
    assert (found.n, found.mean, found.standard_deviation, found.standard_error) == (1, 0.9, None, None)


def test_equal_seeds_have_a_spread_of_exactly_zero() -> None:
    assert summarise([0.1, 0.1, 0.1]).standard_deviation == 0.0


@pytest.mark.parametrize("values", [[], [0.9, np.nan], [np.inf]])
def test_figures_that_are_not_there_are_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="values: "):
        summarise(values)


# --- two runs on the same images


def test_paired_comparison_gives_the_published_figures_of_agresti() -> None:
    # Agresti, Categorical Data Analysis, table 10.1 (approval of the prime minister, 1,600 people asked twice):
    # 944 against 880 approve, the difference is 0.04 with a 95 % interval of 0.02 to 0.06, standard error 0.0095.
    found = compare_paired(*sides_of(794, 150, 86, 570))
    assert (found.both_right + found.only_a, found.both_right + found.only_b, found.num_images) == (944, 880, 1600)
    assert found.difference == pytest.approx(0.04)
    assert found.interval == pytest.approx((0.04 - 1.96 * 0.0095, 0.04 + 1.96 * 0.0095), abs=0.001)
    assert found.p_value == pytest.approx(mcnemar([[794, 150], [86, 570]], exact=True).pvalue)


@given(cells)
@settings(max_examples=60, deadline=None)
def test_p_value_is_that_of_scipy_and_statsmodels(counts: tuple[int, int, int, int]) -> None:
    both_right, only_a, only_b, both_wrong = counts
    found = compare_paired(*sides_of(*counts))
    assert (found.both_right, found.only_a, found.only_b, found.both_wrong) == counts
    reference = mcnemar([[both_right, only_a], [only_b, both_wrong]], exact=True).pvalue if only_a + only_b else 1.0
    assert found.p_value == pytest.approx(reference)
    if only_a + only_b:
        assert found.p_value == pytest.approx(stats.binomtest(only_a, only_a + only_b).pvalue)


def test_interval_is_the_paired_bootstrap_of_scipy() -> None:
    a, b = sides_of(200, 40, 20, 40)
    found = compare_paired(a, b)
    drawn = stats.bootstrap(
        (a.astype(float), b.astype(float)),
        lambda x, y, axis: x.mean(axis) - y.mean(axis),
        paired=True,
        method="percentile",
        n_resamples=9999,
        rng=np.random.default_rng(0),
    ).confidence_interval
    assert found.interval == pytest.approx((drawn.low, drawn.high), abs=1.01 / a.size)  # one image


def test_interval_at_ten_thousand_images_is_the_limit_of_many_resamples() -> None:
    a, b = sides_of(8800, 461, 377, 362)
    drawn = np.random.default_rng(0).multinomial(10_000, [0.0461, 0.0377, 0.9162], size=200_000) @ [1, -1, 0]
    assert compare_paired(a, b).interval == pytest.approx(np.quantile(drawn, [0.025, 0.975]) / 10_000, abs=1.01e-4)


@given(cells)
@settings(max_examples=100, deadline=None)
def test_swapping_two_runs_flips_the_sign_and_nothing_else(counts: tuple[int, int, int, int]) -> None:
    a, b = sides_of(*counts)
    one, other = compare_paired(a, b), compare_paired(b, a)
    assert other.difference == -one.difference
    assert other.interval == (-one.interval.high, -one.interval.low)
    assert other.p_value == one.p_value
    assert one.interval.low <= one.difference <= one.interval.high
    assert verdict(one, "x", "y") == verdict(other, "y", "x") or one.difference == 0


def test_a_run_compared_with_itself_differs_by_nothing() -> None:
    a, _ = sides_of(50, 20, 10, 20)
    found = compare_paired(a, a)
    assert (found.difference, found.interval, found.p_value, found.is_settled) == (0, (0, 0), 1, False)
    assert verdict(found) == "Too close to call: A and B get the very same of 100 images right."


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ([1, 0], [1, 0, 1], "A has predictions for 2 images, B for 3: not the same images"),
        ([], [], "A: right or wrong is needed for at least one image"),
        ([1, 0], [0, 7], "B: each image is right"),
        ([[1, 0], [1, 1]], [[1, 0], [1, 1]], "compare_groups takes several"),
    ],
)
def test_runs_that_cannot_be_compared_image_by_image_are_refused(a: list, b: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compare_paired(a, b)


def test_few_differing_images_settle_nothing_although_the_bootstrap_says_so() -> None:
    # Five images for A and none for B: no resample favours B, and yet a fair coin does so once in sixteen times.
    found = compare_paired(*sides_of(9000, 5, 0, 995))
    assert found.interval.low > 0
    assert found.p_value == pytest.approx(2 / 2**5)
    assert not found.is_settled


# --- over seeds


def test_seed_comparison_gives_the_published_welch_test_of_the_sleep_data() -> None:
    found = compare_seeds(SLEEP_A, SLEEP_B)
    assert found.degrees_of_freedom == pytest.approx(17.776, abs=5e-4)
    assert found.p_value == pytest.approx(0.07939, abs=5e-6)
    assert found.interval == pytest.approx((-3.3654832, 0.2054832), abs=5e-8)


@given(scores, scores)
@settings(max_examples=100, deadline=None)
def test_seed_comparison_is_that_of_statsmodels(a: list[float], b: list[float]) -> None:
    found = compare_seeds(a, b)
    other = compare_seeds(b, a)
    assert other.difference == -found.difference
    if min(len(a), len(b)) == 1 or (np.ptp(a) == 0 and np.ptp(b) == 0):
        assert found.interval is None
        assert found.p_value is None
        return
    if max(np.ptp(a), np.ptp(b)) < 1e-6:
        return  # the reference loses its digits there
    reference = CompareMeans(DescrStatsW(a), DescrStatsW(b))
    assert found.interval == pytest.approx(reference.tconfint_diff(usevar="unequal"), abs=1e-9)
    assert found.p_value == pytest.approx(reference.ttest_ind(usevar="unequal")[1], abs=1e-9)
    assert other.interval == pytest.approx((-found.interval.high, -found.interval.low))
    assert found.interval.low <= found.difference <= found.interval.high


@pytest.mark.parametrize(("effect", "seeds"), [(0.2, 394), (0.5, 64), (0.8, 26)])
def test_seeds_needed_are_those_of_cohens_table(effect: float, seeds: int) -> None:
    # Cohen (1988), table 2.4.1: a side, two-sided at 5 %, power 0.80. The spread here is 1, the difference the effect.
    spread = np.array([-1, 0, 1])
    assert seeds_to_settle(compare_seeds(spread + effect, spread)) == seeds - 3


@pytest.mark.parametrize("effect", [0.05, 0.13, 0.4, 1.1])
def test_seeds_needed_are_those_of_statsmodels(effect: float) -> None:
    spread = np.array([-1, 0, 1])
    reference = TTestIndPower().solve_power(effect_size=effect, alpha=0.05, power=0.8)
    assert seeds_to_settle(compare_seeds(spread + effect, spread)) == int(np.ceil(reference)) - 3


def test_the_seeds_asked_for_do_settle_it_in_four_of_five_studies() -> None:
    rng = np.random.default_rng(0)
    a, b = np.array([-0.5, 0, 0.5]) + 0.9, np.array([-1.5, 0, 1.5])  # spreads 0.5 and 1.5, difference 0.9
    n = seeds_to_settle(compare_seeds(a, b)) + 3
    found = stats.ttest_ind(rng.normal(0.9, 0.5, (n, 4000)), rng.normal(0, 1.5, (n, 4000)), equal_var=False)
    assert (found.pvalue < 0.05).mean() == pytest.approx(0.80, abs=0.02)


def test_no_number_of_seeds_is_named_where_nothing_says_one() -> None:
    assert seeds_to_settle(compare_seeds([0.9, 0.92], [0.92, 0.9])) is None  # no difference
    assert seeds_to_settle(compare_seeds([0.9], [0.91, 0.92])) is None  # no spread
    assert seeds_to_settle(compare_seeds([0.9, 0.9], [0.8, 0.8])) is None
    assert seeds_to_settle(compare_seeds([0.1, 0.9], [0.1, 0.9 + 1e-6])) is None  # over a million
    assert seeds_to_settle(compare_seeds([0.90, 0.91, 0.92], [0.80, 0.81, 0.82])) == 0  # settled


# --- several runs on the same images


def test_runs_of_a_side_on_different_images_are_refused() -> None:
    with pytest.raises(ValueError, match="B: its runs have predictions for different numbers of images"):
        compare_groups([[1, 0, 1]], [[1, 0, 1], [1, 0]])


def test_with_many_images_a_group_comparison_is_the_welch_test() -> None:
    rng = np.random.default_rng(0)
    a = np.array([rng.permutation(200_000) < 180_000 + 900 * k for k in range(3)])
    b = np.array([rng.permutation(200_000) < 179_000 + 700 * k for k in range(4)])
    assert compare_groups(a, b).interval == pytest.approx(compare_seeds(a.mean(1), b.mean(1)).interval, abs=5e-4)


def test_with_equal_seeds_a_group_comparison_is_the_paired_one() -> None:
    a, b = sides_of(1500, 110, 90, 300)
    found = compare_groups([a, a, a], [b, b])
    paired = compare_paired(a, b)
    assert found.difference == pytest.approx(paired.difference)
    assert found.interval == pytest.approx(paired.interval, abs=1e-3)


def test_with_many_seeds_a_group_comparison_is_the_pigeonhole_bootstrap() -> None:
    rng = np.random.default_rng(1)
    a, b = study(rng, 40, 1000, shift=0.1, seed_spread=0.1)
    found = compare_groups(a, b)
    drawn = []
    for _ in range(1000):
        images = rng.integers(1000, size=1000)
        mean_a = a[rng.integers(40, size=40)].mean(0)
        drawn.append(mean_a[images].mean() - b[rng.integers(40, size=40)].mean(0)[images].mean())
    width = found.interval.high - found.interval.low
    assert found.interval == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.1 * width)


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 4))
@settings(max_examples=50, deadline=None)
def test_swapping_two_groups_flips_the_sign_and_nothing_else(seed: int, runs_a: int, runs_b: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.random((runs_a, 40)) < 0.8, rng.random((runs_b, 40)) < 0.7
    one, other = compare_groups(a, b), compare_groups(b, a)
    assert other.difference == pytest.approx(-one.difference)
    assert other.interval == pytest.approx((-one.interval.high, -one.interval.low))
    assert other.p_value == pytest.approx(one.p_value)
    assert one.interval.low <= one.difference <= one.interval.high
    assert one.counts_seeds == (min(runs_a, runs_b) > 1)


def test_a_group_compared_with_itself_differs_by_nothing() -> None:
    a, _ = study(np.random.default_rng(0), 3, 500)
    found = compare_groups(a, a)
    assert (found.difference, found.p_value, found.is_settled) == (0, 1, False)


def test_more_seeds_are_not_asked_for_where_the_images_are_too_few() -> None:
    rng = np.random.default_rng(4)
    a, b = study(rng, 4, 60, shift=0.05, seed_spread=0.02)
    found = compare_groups(a, b)
    assert found.difference != 0
    assert seeds_to_settle(found) is None
    assert "more seeds alone would not settle it on these images" in verdict(found)


# --- do 95 % intervals hold the truth in 95 of 100 studies


def test_paired_intervals_hold_the_truth_in_95_of_100_studies() -> None:
    rng = np.random.default_rng(0)
    chances = [0.80, 0.08, 0.05, 0.07]  # the truth is a difference of 0.03
    held = []
    for counts in rng.multinomial(500, chances, size=1500):
        low, high = compare_paired(*sides_of(*counts)).interval
        held.append(low - 1e-12 <= 0.03 <= high + 1e-12)
    assert 0.935 <= np.mean(held) <= 0.97


@pytest.mark.parametrize("seed_spread", [0.0, 0.05, 0.15])
@pytest.mark.parametrize("runs", [2, 3, 5])
def test_group_intervals_hold_the_truth_in_95_of_100_studies(runs: int, seed_spread: float) -> None:
    rng = np.random.default_rng(runs)
    studies = [compare_groups(*study(rng, runs, 500, seed_spread=seed_spread)) for _ in range(500)]
    held = np.mean([found.interval.low <= 0 <= found.interval.high for found in studies])
    assert held >= (0.92 if runs == 2 else 0.93)  # 0.94 and 0.95, less two standard errors of 500 studies


def test_welch_intervals_hold_the_truth_in_95_of_100_studies() -> None:
    rng = np.random.default_rng(0)
    studies = [compare_seeds(rng.normal(0.9, 0.003, 3), rng.normal(0.9, 0.006, 5)).interval for _ in range(2000)]
    assert np.mean([low <= 0 <= high for low, high in studies]) == pytest.approx(0.95, abs=0.015)


# --- the sentence


def test_a_clear_winner_is_named_with_points_and_interval() -> None:
    found = compare_paired(*sides_of(8900, 180, 100, 820))
    assert verdict(found, "wide", "deep") == (
        "wide is better by 0.8 points (95 % interval 0.5 to 1.1): one run a side on the same 10,000 images, "
        "exact McNemar p < 0.001; other seeds may differ."
    )


def test_the_winner_comes_first_whichever_side_it_was() -> None:
    found = compare_paired(*sides_of(8900, 100, 180, 820))
    assert verdict(found, "deep", "wide").startswith("wide is better by 0.8 points (95 % interval 0.5 to 1.1)")


def test_a_close_race_says_how_many_more_seeds_would_settle_it() -> None:
    a, b = [0.900, 0.910, 0.920], [0.895, 0.903, 0.910]
    assert verdict(compare_seeds(a, b)) == (
        "Too close to call: A is ahead of B by 0.7 points (95 % interval -1.3 to 2.8): 3 seeds a side, "
        f"Welch t test p = 0.37; about {seeds_to_settle(compare_seeds(a, b))} more seeds a side would settle it, if "
        "the difference stays."
    )


def test_a_race_that_no_budget_settles_is_told_so() -> None:
    sentence = verdict(compare_seeds([0.1, 0.9], [0.1, 0.9006]))
    assert sentence.endswith("more than 1,000 more seeds a side would settle it, if the difference stays.")


def test_settled_seeds_are_told_without_advice() -> None:
    assert verdict(compare_seeds([0.90, 0.91, 0.92], [0.88, 0.885, 0.89])) == (
        "A is better by 2.5 points (95 % interval 0.4 to 4.6): 3 seeds a side, Welch t test p = 0.032."
    )


def test_groups_tell_seeds_and_images() -> None:
    a, b = study(np.random.default_rng(0), 3, 5000, shift=0.5)
    sentence = verdict(compare_groups(a, b), "wide", "deep")
    assert re.fullmatch(
        r"wide is better by \d+\.\d points \(95 % interval \d+\.\d to \d+\.\d\): "
        r"3 seeds a side on the same 5,000 images, t test p [<=] [\d.e-]+\.",
        sentence,
    )


@pytest.mark.parametrize(
    ("a", "b", "sentence"),
    [
        ([0.9], [0.8], "Cannot tell yet: A is ahead of B by 10.0 points: 1 seed a side; one seed has no spread"),
        ([0.8], [0.9, 0.91], "Cannot tell yet: B is ahead of A by 10.5 points: 1 and 2 seeds; one seed has no spread"),
        ([0.9, 0.9], [0.8, 0.8], "Cannot tell yet: A is ahead of B by 10.0 points: 2 seeds a side; all seeds of a"),
        ([0.9, 0.91], [0.91, 0.9], "Too close to call: A and B are level (95 % interval -3.0 to 3.0): 2 seeds a side"),
        ([0.1, 0.9], [0.1, 0.9006], "Too close to call: B is ahead of A by 0.03 points"),
        ([0.1, 0.9], [0.1, 0.9 + 1e-9], "Too close to call: A and B are level"),
    ],
)
def test_what_cannot_be_told_is_not_told(a: list[float], b: list[float], sentence: str) -> None:
    assert verdict(compare_seeds(a, b)).startswith(sentence)


@given(scores, scores)
@settings(max_examples=100, deadline=None)
def test_any_seeds_get_one_sentence(a: list[float], b: list[float]) -> None:
    sentence = verdict(compare_seeds(a, b))
    assert sentence.endswith(".")
    assert "nan" not in sentence
    assert "inf" not in sentence.replace("interval", "")
    assert "-0.0 " not in sentence


# --- Pareto front


@given(points)
@settings(max_examples=200, deadline=None)
def test_pareto_front_is_what_no_point_dominates(points: list[tuple[int, int]]) -> None:
    best = [not any(x <= a and y <= b and (x, y) != (a, b) for x, y in points) for a, b in points]
    assert pareto_front(np.reshape(points, (-1, 2))).tolist() == best


def test_runs_without_a_figure_are_never_on_the_front() -> None:
    costs = [[1, -0.8], [2, np.nan], [np.nan, -0.99], [3, -0.9]]
    assert pareto_front(costs).tolist() == [True, False, False, True]
