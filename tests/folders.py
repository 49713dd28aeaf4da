"""Small image folders for tests."""

from pathlib import Path

from PIL import Image


def make_folder(root: Path, counts: dict[str, int], size: int = 8) -> Path:
    """`{"cat": 3}` or `{"train/cat": 3}`: folders of small pictures."""
    for name, count in counts.items():
        (root / name).mkdir(parents=True)
        for place in range(count):
            Image.new("RGB", (size, size), (place * 7 % 256, len(name), 0)).save(root / name / f"{place:03}.png")
    return root
