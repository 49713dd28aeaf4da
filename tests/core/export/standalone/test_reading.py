"""A module's source is read as its imports, its definitions and the names that these use."""

import ast
import textwrap

import pytest

from core.export.standalone.reading import (
    Import,
    Names,
    Source,
    StandaloneError,
    check_allowed,
    read_source,
    stored_names,
)


def parse(code: str) -> list[ast.stmt]:
    return ast.parse(textwrap.dedent(code)).body


def test_imports_are_written_as_they_were_read() -> None:
    for line in ("import math", "import numpy as np", "from torch import nn", "from torch.nn import functional as F"):
        statement = parse(line)[0]
        assert isinstance(statement, ast.Import | ast.ImportFrom)
        (found,) = read_imports(statement)
        assert str(found) == line


def read_imports(statement: ast.Import | ast.ImportFrom) -> list[Import]:
    from core.export.standalone.reading import list_imports

    return list(list_imports(statement))


def test_a_module_of_the_engine_is_read_with_its_purpose_and_definitions() -> None:
    source = read_source("core.engine.optim")
    assert source.purpose
    assert "OPTIMIZERS" in source.definitions
    assert source.imports["torch"] == Import("torch", "", "torch")


def test_names_of_arguments_and_locals_are_none_of_the_module() -> None:
    names = Names(
        parse(
            """
            def work(size: int, *rest: Kind) -> Result:
                total = START + size
                inner = lambda size: size + other
                return helper(total, rest).value + total.part
            """
        )
    )
    assert names.asked == {"int", "Kind", "Result", "START", "other", "helper"}
    assert names.attributes == {("", "value"), ("", "part")}


def test_stored_names_are_those_that_a_body_assigns() -> None:
    body = parse(
        """
        import os.path as path
        first, (second, *others) = values
        with open(name) as file:
            for line in file:
                pass
        try:
            def inner(): hidden = 1
        except ValueError as error:
            pass
        """
    )
    assert stored_names(body) == {"path", "first", "second", "others", "file", "line", "inner", "error"}


def test_our_own_import_inside_a_function_and_foreign_packages_are_refused() -> None:
    with pytest.raises(StandaloneError, match="inside a function"):
        Names(parse("def work():\n    from core.spec import RunSpec\n"))
    check_allowed(Import("torch.nn", "Module", "Module"))
    check_allowed(Import("json", "", "json"))
    with pytest.raises(StandaloneError, match="import pandas is needed"):
        check_allowed(Import("pandas", "", "pandas"))


def test_a_definition_comes_with_its_comment_and_without_the_methods_that_nothing_uses() -> None:
    text = "x = 1\n# Why.\nclass Thing:\n    def used(self):\n        pass\n\n    def unused(self):\n        pass\n"
    node = ast.parse(text).body[1]
    assert isinstance(node, ast.ClassDef)
    source = Source("m", "", text, {}, {"Thing": node})
    assert source.text_of(node, [node.body[1]]) == "# Why.\nclass Thing:\n    def used(self):\n        pass"


def test_a_registry_keeps_a_single_entry() -> None:
    text = 'TABLE: dict[str, int] = {\n    "a": 1,\n    "b": 2,\n}\n'
    node = ast.parse(text).body[0]
    assert isinstance(node, ast.AnnAssign)
    assert isinstance(node.value, ast.Dict)
    key, value = node.value.keys[1], node.value.values[1]
    assert key is not None
    assert Source("m", "", text, {}, {}).text_of_entries(node, [(key, value)]) == 'TABLE: dict[str, int] = {"b": 2}'
