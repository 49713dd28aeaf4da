#!/usr/bin/env bash
# Optuna 5.0.0: HyperbandPruner with its default factor of 3 makes one bracket too few for exactly 243 epochs.
#
# The number of brackets is floor(log(max / min, factor)) + 1 (Li et al. 2018), so 6 for 243 epochs by thirds. Optuna
# takes math.log(243, 3), which is 4.999..., and makes 5: the most thorough halving, the one that starts from the least
# resource with the most trials, is the one that is missing. 242 and 244 epochs give 5 and 6. Of the exact powers up to
# 1,000, by factors from 2 to 9, it is the only one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet optuna==5.0.0
"$folder/venv/bin/python" - <<'PYTHON'
import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)


def count_brackets(most: int, factor: int) -> int:
    """How many brackets a real study gets: they are made when the first trial asks."""
    pruner = optuna.pruners.HyperbandPruner(min_resource=1, max_resource=most, reduction_factor=factor)
    study = optuna.create_study(pruner=pruner)
    trial = study.ask()
    trial.report(0.0, 1)
    trial.should_prune()
    return pruner._n_brackets


def count_exactly(most: int, factor: int) -> int:
    count, resource = 1, factor
    while resource <= most:
        count, resource = count + 1, resource * factor
    return count


print("optuna", optuna.__version__)
powers = [(factor**power, factor) for factor in range(2, 10) for power in range(1, 10) if factor**power <= 1000]
short = [pair for pair in powers if count_brackets(*pair) < count_exactly(*pair)]
for most, factor in short:
    print(f"{most} by {factor}: {count_brackets(most, factor)} brackets instead of {count_exactly(most, factor)}")
assert short == [(243, 3)]
assert count_brackets(242, 3) == count_brackets(243, 3) == 5
assert count_brackets(244, 3) == 6
PYTHON
