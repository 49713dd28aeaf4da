"""Small image folders for tests."""

import shutil
from pathlib import Path

from PIL import Image


def make_folder(root: Path, counts: dict[str, int], size: int = 8) -> Path:
    """`{"cat": 3}` or `{"train/cat": 3}`: folders of small pictures."""
    for name, count in counts.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            Image.new("RGB", (size, size), (index * 7 % 256, len(name), 0)).save(root / name / f"{index:03}.png")
    return root


def copy_images(source: Path, target: Path, train: int, test: int) -> Path:
    """The first images of each class: real ones, and few enough to decode in a second."""
    for part, count in (("train", train), ("test", test)):
        for folder in sorted((source / part).iterdir()):
            (target / part / folder.name).mkdir(parents=True)
            for image in sorted(folder.iterdir())[:count]:
                shutil.copyfile(image, target / part / folder.name / image.name)
    return target
