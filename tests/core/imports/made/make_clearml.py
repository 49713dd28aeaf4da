"""An offline session as ClearML writes it.

python make_clearml.py FOLDER     with clearml 2.1.12 installed
"""

import math
import os
import shutil
import sys
from pathlib import Path

FLOATS = [1.5, 0.1, math.nan, math.inf, -math.inf, -0.0, 1e-300, 1e308]


def make() -> str:
    from clearml import Task

    Task.set_offline(offline_mode=True)
    task = Task.init(
        project_name="shapes",
        task_name="first run",
        tags=["base"],
        auto_connect_frameworks=False,
        auto_connect_arg_parser=False,
        auto_connect_streams=False,
        auto_resource_monitoring=False,
    )
    task.connect({"lr": 0.1, "model": {"depth": 18}})
    logger = task.get_logger()
    for index, value in enumerate(FLOATS):
        logger.report_scalar("loss", "train", value, index)
        logger.report_scalar("loss", "val/all", index / 3, index)
    for step in (5, 5, 3):
        logger.report_scalar("falls", "falls", step / 7, step)
    logger.report_single_value("best accuracy", 0.75)
    logger.report_histogram("h", "s", [1, 2, 3], iteration=0)
    task.close()
    return str(task.get_offline_mode_folder())


if __name__ == "__main__":
    target = Path(sys.argv[1]).absolute()
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    os.environ |= {
        "CLEARML_CACHE_DIR": str(target),
        "CLEARML_SKIP_PIP_FREEZE": "1",
        "CLEARML_WORKER_NAME": "host",
        "CLEARML_VCS_REPO_URL": "none",
    }
    os.chdir(target)
    session = Path(make())
    shutil.copy(session.with_suffix(".zip"), "session.zip")
    shutil.rmtree(session.parent)
