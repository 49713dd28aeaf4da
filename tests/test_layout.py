"""The layout that the README describes is the one that is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.system.folders import PROJECT

PACKAGES = sorted(path.parent for path in (PROJECT / "core").glob("*/__init__.py"))


def test_core_holds_packages_only() -> None:
    assert sorted(path.name for path in (PROJECT / "core").glob("*.py")) == ["__init__.py", "__main__.py"]
    assert find_modules()
    parts = PROJECT / "pages" / "parts"
    assert [path.name for path in parts.glob("*.py")] == ["__init__.py"]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_the_readme_has_a_phrase_for_each_package(package: Path) -> None:
    assert f"| `core/{package.name}/` |" in (PROJECT / "README.md").read_text(encoding="utf-8")


def find_modules() -> list[Path]:
    """Every module with code of its own: not what holds a docstring alone."""
    roots = (PROJECT / "core", PROJECT / "server", PROJECT / "pages" / "parts")
    return sorted(
        path for root in roots for path in root.rglob("*.py") if path.name not in ("__init__.py", "__main__.py")
    )


@pytest.mark.parametrize("module", find_modules(), ids=lambda path: str(path.relative_to(PROJECT)))
def test_the_tests_of_a_module_are_found_by_its_name(module: Path) -> None:
    inside, tests = module.relative_to(PROJECT), PROJECT / "tests"
    folders = [tests / inside.parent]
    if inside.parts[0] == "server":
        folders.append(tests / "security")
    files = [path for folder in folders if (path := folder / f"test_{inside.name}").is_file()]
    assert any("def test_" in path.read_text(encoding="utf-8") for path in files)
