#!/usr/bin/env bash
# tensorboard-reducer 0.4.0: a run whose loss is NaN is left out of the mean, so the curve gets better where it diverged.
#
# Its documentation speaks of "numpy reduce operations", which give NaN. They are those of pandas: mean, std, min, max and
# median skip NaN, and from the step where a run diverges they are of fewer runs than before. strict_tags and
# strict_steps, both on, are content, since the points are there. And std divides by n - 1, where numpy's divides by n.
# strict_steps compares only HOW MANY steps there are: runs of equal length whose steps are shifted keep the common
# ones, and two that share none give an empty table.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet tensorboard-reducer==0.4.0 tensorboard==2.21.0 tensorboardX==2.6.5 pandas==3.1.1 numpy==2.4.6 "setuptools<81"
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import logging
import math
from importlib.metadata import version

import numpy as np
from tensorboard_reducer import load_tb_events, reduce_events
from tensorboardX import SummaryWriter

logging.disable(logging.WARNING)  # tensorboardX tells of every NaN that it writes


def write(name: str, points: dict[int, float]) -> str:
    with SummaryWriter(name) as writer:
        for step, value in points.items():
            writer.add_scalar("loss", value, step)
    return name


print("tensorboard-reducer", version("tensorboard-reducer"), "pandas", version("pandas"))
losses = np.array([[1.0, 1.0, 1.0], [2.0, 2.0, 2.0], [9.0, 90.0, math.nan]])
runs = [write(f"run-{index}", dict(enumerate(row))) for index, row in enumerate(losses)]
reduced = reduce_events(load_tb_events(runs), ["mean", "max", "std"])
found = {name: tags["loss"].tolist() for name, tags in reduced.items()}
for name, values in found.items():
    print(f"{name:5} {np.round(values, 3)}  numpy: {np.round(getattr(losses, name)(axis=0), 3)}")
assert found["mean"] == [4, 31, 1.5]
assert found["max"] == [9, 90, 2]
assert np.allclose(found["std"][:2], losses[:, :2].std(axis=0, ddof=1))

even = write("even", {step: 1.0 for step in (0, 2, 4)})
shifted = write("shifted", {step: 2.0 for step in (2, 4, 6)})
odd = write("odd", {step: 2.0 for step in (1, 3, 5)})
common = [load_tb_events([even, other], strict_steps=True)["loss"].index.tolist() for other in (shifted, odd)]
print("steps 0, 2, 4 with 2, 4, 6:", common[0], "and with 1, 3, 5:", common[1])
assert common == [[2, 4], []]
PYTHON
