"""A folder as DVCLive writes it; each figure's table is what DVC itself plots.

python make_dvclive.py FOLDER     with dvclive 3.49.1 installed
"""

import math
import os
import shutil
import sys
from pathlib import Path

FLOATS = [1.5, 0.1, math.nan, math.inf, -math.inf, -0.0, 1e-300, 1e308]


def make(folder: Path) -> None:
    from dvclive import Live

    with Live(str(folder / "dvclive"), save_dvc_exp=False, report=None, dvcyaml=None) as live:
        live.log_params({"lr": 0.1, "model": {"depth": 18, "widths": [64, 128]}})
        for index, value in enumerate(FLOATS):
            live.log_metric("train/loss", value)
            live.log_metric("timed", index / 3, timestamp=True)
            live.log_metric("shifted", index / 7, timestamp=index > 4)
            live.next_step()
        live.summary["best"] = 0.75
    with Live(str(folder / "dvclive"), resume=True, save_dvc_exp=False, report=None, dvcyaml=None) as live:
        for value in (0.5, 0.25):
            live.log_metric("train/loss", value)
            live.next_step()


if __name__ == "__main__":
    target = Path(sys.argv[1]).absolute()
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    os.environ |= {"DVC_NO_ANALYTICS": "true"}
    os.chdir(target)
    make(target)
