"""Reads a module's source: what it imports, what it defines, and which names a definition asks for."""

# ruff: noqa: N802 - libcst calls a visitor by the name of the node
from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import libcst as cst

from core.export.standalone.meanings import Stores, params_of
from core.system.folders import PROJECT

ALLOWED = frozenset({"torch", "torchvision", "numpy", "PIL", *sys.stdlib_module_names})
_OURS = "core."


class StandaloneError(Exception):
    """The sources cannot be put together as one file; the message names the place."""


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
    imports: dict[str, Import]
    definitions: dict[str, cst.CSTNode]


@lru_cache(maxsize=64)
def read_source(name: str) -> Source:
    """Raises OSError where there is no such module."""
    path = PROJECT / name.replace(".", "/")
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    tree = cst.parse_module(file.read_text(encoding="utf-8"))
    imports: dict[str, Import] = {}
    definitions: dict[str, cst.CSTNode] = {}
    for statement in tree.body:
        match statement:
            case cst.FunctionDef(name=cst.Name(value=given)) | cst.ClassDef(name=cst.Name(value=given)):
                definitions[given] = statement
            case cst.SimpleStatementLine(body=[cst.Import() | cst.ImportFrom() as line]):
                imports.update({found.alias: found for found in list_imports(line)})
            case cst.SimpleStatementLine():
                definitions.update(dict.fromkeys(Stores.of(statement).counts, statement))
    purpose = (tree.get_docstring() or "").partition("\n\n")[0].replace("\n", " ")
    return Source(name, purpose, imports, definitions)


def list_imports(line: cst.Import | cst.ImportFrom) -> Iterator[Import]:
    module = _dotted(line.module) if isinstance(line, cst.ImportFrom) and line.module else ""
    for item in line.names if not isinstance(line.names, cst.ImportStar) else ():
        name = _dotted(item.name)
        alias = _dotted(item.asname.name) if item.asname else name
        yield Import(module, name, alias) if module else Import(name, "", alias)


def _dotted(node: Any) -> str:
    return f"{_dotted(node.value)}.{node.attr.value}" if isinstance(node, cst.Attribute) else str(node.value)


class Names(cst.CSTVisitor):
    """Names that a definition asks of its module: in code, and in annotations; and its attributes with their owners."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()
        self.annotations: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()
        self._locals: list[set[str]] = []
        self._annotating = 0

    @staticmethod
    @lru_cache(maxsize=2000)
    def of(node: cst.CSTNode) -> Names:
        names = Names()
        node.visit(names)
        return names

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        for part in (*node.decorators, node.params, node.returns):
            if part:
                part.visit(self)
        params = {param.name.value for param in params_of(node.params)}
        self._locals.append(params | set(Stores.of(node.body).counts))
        node.body.visit(self)
        self._locals.pop()
        return False

    def visit_Lambda(self, node: cst.Lambda) -> None:
        self._locals.append({param.name.value for param in params_of(node.params)})

    def leave_Lambda(self, original_node: cst.Lambda) -> None:
        self._locals.pop()

    def visit_ClassDef(self, node: cst.ClassDef) -> bool:
        for part in (*node.decorators, *node.bases, node.body):
            part.visit(self)
        return False

    def visit_Annotation(self, node: cst.Annotation) -> None:
        self._annotating += 1

    def leave_Annotation(self, original_node: cst.Annotation) -> None:
        self._annotating -= 1

    def visit_AnnAssign(self, node: cst.AnnAssign) -> bool:
        node.annotation.visit(self)
        if node.value:
            node.value.visit(self)
        return False

    def visit_Param(self, node: cst.Param) -> bool:
        for part in (node.annotation, node.default):
            if part:
                part.visit(self)
        return False

    def visit_Arg(self, node: cst.Arg) -> bool:
        node.value.visit(self)
        return False

    def visit_AssignTarget(self, node: cst.AssignTarget) -> bool:
        return not isinstance(node.target, cst.Name)

    def visit_Import(self, node: cst.Import) -> bool:
        _check_inner(node)
        return False

    def visit_ImportFrom(self, node: cst.ImportFrom) -> bool:
        _check_inner(node)
        return False

    def visit_Attribute(self, node: cst.Attribute) -> bool:
        owner = node.value.value if isinstance(node.value, cst.Name) else ""
        if any(owner in scope for scope in self._locals):
            owner = ""
        self.attributes.add((owner, node.attr.value))
        node.value.visit(self)
        return False

    def visit_Name(self, node: cst.Name) -> None:
        if self._annotating:
            self.annotations.add(node.value)
        elif not any(node.value in scope for scope in self._locals):
            self.asked.add(node.value)


def _check_inner(line: cst.Import | cst.ImportFrom) -> None:
    for found in list_imports(line):
        if found.is_ours:
            raise StandaloneError(f"{found} stands inside a function, where it cannot be followed.")
        check_allowed(found)


def check_allowed(found: Import) -> None:
    if found.module.partition(".")[0] not in ALLOWED:
        raise StandaloneError(f"{found} is needed, which a standalone script cannot count on.")
