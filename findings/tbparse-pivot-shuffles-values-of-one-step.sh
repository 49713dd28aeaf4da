#!/usr/bin/env bash
# tbparse 0.0.9: with pivot=True the values of a step that was logged twice come in any order, not in that of the log.
#
# "If there are multiple values per step with the same tag, the values are merged into a list", it says: so the last of
# the list should be the one that was logged last, as after a resumption from an older checkpoint. The rows are sorted
# by step alone before that, with a sort that is not stable, so neighbours change places. NaN is left out of the lists
# as well: a diverged value and its correction become one plain number. Without pivot, rows are sorted by tag and step,
# stably, and nothing is left out.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet tbparse==0.0.9 tensorboard==2.21.0 tensorboardX==2.6.5 pandas==3.1.1 numpy==2.4.6 "setuptools<81"
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import logging
import math
from importlib.metadata import version

from tbparse import SummaryReader
from tensorboardX import SummaryWriter

logging.disable(logging.WARNING)  # tensorboardX tells of every NaN that it writes
STEPS = 40
with SummaryWriter("run") as writer:
    for attempt in (1, 2):  # the second one starts again from step 0
        for step in range(STEPS):
            writer.add_scalar("attempt", attempt, step)
with SummaryWriter("diverged") as writer:
    writer.add_scalar("loss", math.nan, 0)
    writer.add_scalar("loss", 0.5, 0)

print("tbparse", version("tbparse"), "pandas", version("pandas"))
rows = SummaryReader("run").scalars
for step in range(STEPS):
    assert rows[rows.step == step].value.tolist() == [1, 2], "the long form keeps the order"
lists = SummaryReader("run", pivot=True).scalars["attempt"].tolist()
turned = [step for step, values in enumerate(lists) if values == [2, 1]]
print(f"{len(turned)} of {STEPS} steps are turned round, among them {turned[:5]}; the others are [1, 2]")
assert all(sorted(values) == [1, 2] for values in lists)
assert 0 < len(turned) < STEPS

long = SummaryReader("diverged").scalars.value.tolist()
(wide,) = SummaryReader("diverged", pivot=True).scalars["loss"].tolist()
print("NaN, then 0.5, at one step:", long, "without pivot,", wide, "with it")
assert len(long) == 2 and wide == 0.5
PYTHON
