"""Only `core.runs` knows what the files of a run folder are called."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.runs import layout
from core.system.folders import PROJECT

NAMES = {value for name, value in vars(layout).items() if name.isupper()}
# Also words of other meanings, so only as part of a path.
WORDS = {name for name in NAMES if name.isalpha()}
# Files of others that happen to have such a name.
OTHERS = {
    ("core/data/cache.py", layout.ABOUT),
    ("core/imports/clearml.py", layout.METRICS),  # ClearML's own
    ("core/imports/read.py", layout.MANIFEST),  # of an archive
}


def find_names(source: str) -> Iterator[str]:
    tree = ast.parse(source)
    paths = [side for node in ast.walk(tree) if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
             for side in (node.left, node.right)]  # fmt: skip
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            parts = {part for part in node.value.split("/") if part in NAMES}
            yield from parts if node in paths or "/" in node.value else parts - WORDS


def test_no_other_module_names_a_file_of_a_run_folder():
    found = set()
    for folder in ("core", "pages", "server"):
        for path in (PROJECT / folder).rglob("*.py"):
            module = path.relative_to(PROJECT).as_posix()
            if not module.startswith("core/runs/"):
                found |= {(module, name) for name in find_names(path.read_text(encoding="utf-8"))}
    assert found - OTHERS == set()


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('path = folder / "end.json"', {"end.json"}),
        ('path = folder / "stop"', {"stop"}),
        ('path = folder.joinpath("run.lock")', {"run.lock"}),
        ('path = f"{folder}/checkpoints/{name}"', {"checkpoints"}),
        ('names = ("spec.json", "log.txt")', {"spec.json", "log.txt"}),
        ('button("stop"); "checkpoints"', set()),
        ('"""What end.json says."""', set()),
    ],
)
def test_the_search_finds_them(source: str, found: set[str]):
    assert set(find_names(source)) == found


def test_a_waiting_worker_loads_nothing_for_the_names():
    tree = ast.parse(Path(layout.__file__).read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert [ast.unparse(node) for node in imports] == ["from __future__ import annotations"]
