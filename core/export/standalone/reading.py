"""Reads a module's source: what it imports, what it defines, and which names a definition uses."""

# ruff: noqa: N815 - ast calls a visitor by the name of the node
from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from core.system.errors import LabError
from core.system.folders import PROJECT

ALLOWED = frozenset({"torch", "torchvision", "numpy", "PIL", *sys.stdlib_module_names})
_OURS = "core."
_WIDTH = 120
_BLANK_LINES = re.compile(r"\n{3,}")


class StandaloneError(LabError):
    """The sources cannot be put together as one file; the message says why."""


@dataclass(frozen=True)
class Import:
    """`from module import name as alias`; without a name, `import module as alias`."""

    module: str
    name: str
    alias: str

    @property
    def is_ours(self) -> bool:
        return self.module.startswith(_OURS)

    def __str__(self) -> str:
        source = f"from {self.module} import {self.name}" if self.name else f"import {self.module}"
        return source if self.alias in (self.name, self.module) else f"{source} as {self.alias}"


@dataclass(frozen=True)
class Source:
    """One module: what it imports, and its definitions by each name that they give."""

    name: str
    purpose: str
    text: str
    imports: dict[str, Import]
    definitions: dict[str, ast.stmt]

    def text_of(self, node: ast.stmt, without: Iterable[ast.stmt] = ()) -> str:
        """A definition with the comments above it; of a class `without` some of its methods."""
        lines = self.text.splitlines()
        first, last = self._span(lines, node)
        dropped = {line for inner in without for line in range(*self._span(lines, inner))}
        text = "\n".join(line for number, line in enumerate(lines[first:last], first) if number not in dropped)
        return _BLANK_LINES.sub("\n\n", text).strip("\n") if dropped else text

    def text_of_entries(self, node: ast.stmt, entries: Sequence[tuple[ast.expr, ast.expr]]) -> str:
        """A registry with only some of its entries."""
        texts = [[str(ast.get_source_segment(self.text, part)) for part in entry] for entry in entries]
        pairs = [f"{key}: {value}" for key, value in texts]
        head = self.text_of(node).partition("{")[0]
        short = f"{head}{{{', '.join(pairs)}}}"
        is_short = not any("\n" in pair for pair in pairs) and len(short.rpartition("\n")[2]) <= _WIDTH
        return short if is_short else f"{head}{{\n" + "".join(f"    {pair},\n" for pair in pairs) + "}"

    def _span(self, lines: list[str], node: ast.stmt) -> tuple[int, int]:
        decorators: list[ast.expr] = getattr(node, "decorator_list", [])
        first = min([node.lineno, *(part.lineno for part in decorators)]) - 1
        while first and lines[first - 1].lstrip().startswith("#"):
            first -= 1
        return first, node.end_lineno or node.lineno


@lru_cache(maxsize=64)
def read_source(name: str) -> Source:
    """Raises OSError if there is no such module."""
    path = PROJECT / name.replace(".", "/")
    text = (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text(encoding="utf-8")
    tree = ast.parse(text)
    imports: dict[str, Import] = {}
    definitions: dict[str, ast.stmt] = {}
    for statement in tree.body:
        match statement:
            case ast.FunctionDef() | ast.ClassDef():
                definitions[statement.name] = statement
            case ast.Import() | ast.ImportFrom():
                imports.update({found.alias: found for found in list_imports(statement)})
            case ast.Assign() | ast.AnnAssign():
                definitions.update(dict.fromkeys(stored_names([statement]), statement))
    purpose = (ast.get_docstring(tree) or "").partition("\n\n")[0].replace("\n", " ")
    return Source(name, purpose, text, imports, definitions)


def list_imports(line: ast.Import | ast.ImportFrom) -> Iterator[Import]:
    for item in line.names:
        module, name = (line.module or "", item.name) if isinstance(line, ast.ImportFrom) else (item.name, "")
        yield Import(module, name, item.asname or item.name)


def stored_names(body: Iterable[ast.AST]) -> set[str]:
    """Names that statements assign or define, without those inside inner functions."""
    names = set[str]()
    for node in body:
        match node:
            case ast.FunctionDef() | ast.ClassDef():
                names.add(node.name)
                continue
            case ast.Lambda():
                continue
            case ast.Name(ctx=ast.Store()):
                names.add(node.id)
            case ast.Import() | ast.ImportFrom():
                names |= {found.alias for found in list_imports(node)}
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                names.add(name)
        names |= stored_names(ast.iter_child_nodes(node))
    return names


class Names(ast.NodeVisitor):
    """Names that code uses from its module, and attributes with their owners ("" if that is no such name)."""

    def __init__(self, nodes: Iterable[ast.AST]) -> None:
        self.asked: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()
        self._locals: list[set[str]] = []
        for node in nodes:
            self.visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        for part in (*node.decorator_list, node.args, node.returns):
            if part:
                self.visit(part)
        self._visit_inside(node.args, node.body)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._visit_inside(node.args, [node.body])

    def _visit_inside(self, arguments: ast.arguments, body: Iterable[ast.AST]) -> None:
        names = {part.arg for part in ast.walk(arguments) if isinstance(part, ast.arg)}
        self._locals.append(names | stored_names(body))
        for statement in body:
            self.visit(statement)
        self._locals.pop()

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        for found in list_imports(node):
            if found.is_ours:
                raise StandaloneError(f"{found} is inside a function, where it cannot be followed.")
            check_allowed(found)

    visit_ImportFrom = visit_Import

    def visit_Attribute(self, node: ast.Attribute) -> None:
        owner = node.value.id if isinstance(node.value, ast.Name) else ""
        self.attributes.add(("" if self._is_local(owner) else owner, node.attr))
        self.visit(node.value)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load) and not self._is_local(node.id):
            self.asked.add(node.id)

    def _is_local(self, name: str) -> bool:
        return any(name in names for names in self._locals)


def check_allowed(found: Import) -> None:
    if found.module.partition(".")[0] not in ALLOWED:
        raise StandaloneError(f"{found} is needed, which a standalone script cannot count on.")
