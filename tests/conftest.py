"""What every test may use: folders of its own, the real images where they are, one thread a process."""

import gc
import os
import sys

# Each process that a test starts would compile all modules of the lab anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# Before torch is imported anywhere: tests run side by side, and two OpenMP threads collapse on busy cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Nor helps a pool of torch's compilers, each of which would load torch first.
os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")

from pathlib import Path

import pytest
from hypothesis import settings

sys.dont_write_bytecode = False

# Of tests of reliability the option --full, the mark `promise` and the fixtures `full` and `record_figure`; --quick;
# the mark `isolated`.
pytest_plugins = ["tests.figures", "tests.isolated", "tests.slow"]


# What is imported and collected stays: to look for garbage in it, again and again, takes seconds.
gc.disable()

# A machine that is busy is no fault of what is tested.
settings.register_profile("lab", deadline=None)
settings.load_profile("lab")


def pytest_collection_finish() -> None:
    """No garbage collection need look at torch again, in this process or one it forks."""
    gc.freeze()
    gc.enable()


def pytest_unconfigure() -> None:
    """Before Python ends, or libraries would print what was not collected."""
    gc.unfreeze()


@pytest.fixture
def lab_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty runs and data folders for this test alone; returns their parent."""
    for name, variable in (("runs", "RESNET_LAB_RUNS"), ("data", "RESNET_LAB_DATA")):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(variable, str(tmp_path / name))
    return tmp_path


@pytest.fixture(scope="session")
def images_folder() -> Path:
    """60,000 real CIFAR-10 images, one folder a class in train/ and test/; skips where they are not at hand."""
    named = os.environ.get("RESNET_LAB_IMAGES", "")
    if not named:
        pytest.skip("RESNET_LAB_IMAGES names no folder of images (train/<class>/*.jpg, test/<class>/*.jpg)")
    return Path(named)
