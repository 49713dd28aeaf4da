"""Gathers the definitions that a function needs, out of several modules' sources, without what one spec never reaches.

Functions, classes and constants are followed by name, methods by the names of attributes: what nobody asks for stays
away. Names that two modules give to different things are refused, as all will stand in one file.
"""

# ruff: noqa: N802 - libcst calls a visitor by the name of the node
from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import libcst as cst

from core.export.standalone.fold import DropUnused, Fix, fold
from core.export.standalone.meanings import SPEC_TYPES, Settings
from core.export.standalone.reading import Import, Names, Source, StandaloneError, check_allowed, read_source

_SPEC = "core.spec"
_REMARK = re.compile(r"\s*# (type: ignore|noqa)[^#\n]*")

Place = tuple[str, str]  # a module and a name in it


@dataclass
class Piece:
    """A definition that is needed, folded; of a class only the methods in `methods`."""

    place: Place
    node: cst.CSTNode
    used: dict[str, set[str]]
    methods: set[str] = field(default_factory=set)

    def fields(self) -> set[str]:
        """The fields of the spec that decided something in what is needed of it."""
        of_class = isinstance(self.node, cst.ClassDef)
        return set().union(*(used for name, used in self.used.items() if not of_class or name in {"", *self.methods}))


@dataclass(frozen=True)
class Section:
    """What is needed of one module, as text."""

    module: str
    purpose: str
    definitions: tuple[str, ...]


@dataclass(frozen=True)
class Gathered:
    """Everything for one file. `live` fields of the spec are still asked for, `fixed` ones decided what is left out."""

    imports: tuple[Import, ...]
    sections: tuple[Section, ...]
    live: frozenset[str]
    fixed: frozenset[str]
    given: frozenset[str]


class Gatherer:
    """Follows names from a root; `given` are names of the root's module that somebody else defines."""

    def __init__(self, settings: Settings, given: frozenset[str], replaced: Mapping[Place, Place]) -> None:
        self.settings, self.given, self.replaced = settings, given, replaced
        self.pieces: dict[Place, Piece] = {}
        self.needed_given: set[str] = set()
        self._attributes: set[str] = set()
        self._waiting: dict[str, list[tuple[Piece, cst.FunctionDef]]] = {}

    def gather(self, module: str, name: str) -> Gathered:
        """All that `module.name` needs. Raises StandaloneError."""
        self.root = module
        self.reach(module, name)
        fixed = set(self.settings.fixed).union(*(piece.fields() for piece in self.pieces.values()))
        finished, live = self._finish(fixed)
        self._refuse_clashes(finished)
        sections = []
        for source in self._in_order():
            texts = {
                place: cst.Module([]).code_for_node(node)
                for place, node in finished.items()
                if place[0] == source.name and place in self.pieces
            }
            order = list(source.definitions)
            ordered = [texts[place] for place in sorted(texts, key=lambda place: order.index(place[1]))]
            if ordered:
                sections.append(Section(source.name, source.purpose, tuple(_tidy(text) for text in ordered)))
        imports = tuple(self._list_imports(finished))
        return Gathered(imports, tuple(sections), frozenset(live), frozenset(fixed), frozenset(self.needed_given))

    # Following names --------------------------------------------------------------------------------------------

    def resolve(self, module: str, name: str) -> Place | Import | None:
        """Where a name of a module is defined; None for a builtin."""
        source = read_source(module)
        if name in source.definitions:
            first = next(other for other, node in source.definitions.items() if node is source.definitions[name])
            return self.replaced.get((module, first), (module, first))
        found = source.imports.get(name)
        if found is None or not found.is_ours:
            return found
        return self.resolve(found.module, found.name)

    def reach(self, module: str, name: str) -> None:
        """Adds a definition, and whatever that needs, unless it is there."""
        found = self.resolve(module, name)
        if isinstance(found, Import):
            check_allowed(found)
        if not isinstance(found, tuple) or found in self.pieces or _is_spec_type(found):
            return
        if found[0] == self.root and found[1] in self.given:
            self.needed_given.add(found[1])
            return
        node, used = read_source(found[0]).definitions[found[1]], dict[str, set[str]]()
        if _mentions_spec(node):
            node, used = fold(node, self.settings)
        piece = self.pieces[found] = Piece(found, node, used)
        if isinstance(node, cst.ClassDef):
            self._reach_class(piece, node)
        else:
            self._follow(piece, node)

    def _reach_class(self, piece: Piece, node: cst.ClassDef) -> None:
        methods = [statement for statement in node.body.body if isinstance(statement, cst.FunctionDef)]
        rest = [statement for statement in node.body.body if not isinstance(statement, cst.FunctionDef)]
        self._follow(piece, node.with_changes(body=node.body.with_changes(body=rest)))
        bases = [
            self.resolve(piece.place[0], base.value.value) for base in node.bases if isinstance(base.value, cst.Name)
        ]
        foreign = any(isinstance(base, Import) for base in bases) or len(bases) < len(node.bases)
        for method in methods:
            name = method.name.value
            # torch calls methods that nothing here names.
            if foreign or name.startswith("__") or name in self._attributes:
                self._keep(piece, method)
            else:
                self._waiting.setdefault(name, []).append((piece, method))

    def _keep(self, piece: Piece, method: cst.FunctionDef) -> None:
        piece.methods.add(method.name.value)
        self._follow(piece, method)

    def _follow(self, piece: Piece, node: cst.CSTNode) -> None:
        module = piece.place[0]
        names = Names.of(node)
        for name in names.asked:
            self.reach(module, name)
        for name in names.annotations:
            if not self._is_plain_class(self.resolve(module, name)):
                self.reach(module, name)
        for owner, attribute in names.attributes:
            if isinstance(self.resolve(module, owner), Import):
                continue  # numpy.load is no method of ours
            self._attributes.add(attribute)
            for waiting in self._waiting.pop(attribute, ()):
                self._keep(*waiting)

    def _is_plain_class(self, found: Place | Import | None) -> bool:
        """Whether it is a class that an annotation alone does not bring in."""
        if not isinstance(found, tuple) or _is_spec_type(found):
            return False
        node = read_source(found[0]).definitions[found[1]]
        if not isinstance(node, cst.ClassDef):
            return False
        return not any(isinstance(base.value, cst.Name) and base.value.value == "Protocol" for base in node.bases)

    def is_missing(self, module: str, name: str) -> bool:
        """Whether a name stands for a definition that nothing needs."""
        found = self.resolve(module, name)
        return isinstance(found, tuple) and found not in self.pieces and not _is_spec_type(found)

    # Making text ------------------------------------------------------------------------------------------------

    def _finish(self, fixed: set[str]) -> tuple[dict[Place, cst.CSTNode], set[str]]:
        finished, live = {}, set[str]()
        for place, piece in self.pieces.items():
            node = _without_methods(piece) if isinstance(piece.node, cst.ClassDef) else piece.node
            fix = Fix(self.settings, fixed)
            steps: list[cst.CSTTransformer] = [fix, DropUnused(self.settings)] if _mentions_spec(node) else []
            if any(self.is_missing(place[0], name) for name in Names.of(node).annotations):
                steps.append(_Annotations(self, place[0]))
            for step in steps:
                changed = node.visit(step)
                assert isinstance(changed, cst.CSTNode)
                node = changed
            live |= fix.live
            finished[place] = node
        return finished, live

    def _in_order(self) -> list[Source]:
        """Modules, each after those that it imports from."""
        done: dict[str, Source] = {}

        def visit(name: str) -> None:
            if name in done or name in under_way:
                return
            under_way.add(name)
            source = read_source(name)
            for found in source.imports.values():
                if found.is_ours:
                    visit(found.module)
            done[name] = source

        under_way: set[str] = set()
        visit(self.root)
        return list(done.values())

    def _list_imports(self, finished: Mapping[Place, cst.CSTNode]) -> list[Import]:
        found: dict[str, Import] = {}
        for (module, _), node in finished.items():
            names = Names.of(node)
            for name in sorted({*names.asked, *names.annotations}):
                origin = self.resolve(module, name)
                if not isinstance(origin, Import):
                    continue
                if found.setdefault(origin.alias, origin) != origin:
                    raise StandaloneError(f"{name} means {found[origin.alias]} in one module and {origin} in {module}.")
        return [found[alias] for alias in sorted(found)]

    def _refuse_clashes(self, finished: Mapping[Place, cst.CSTNode]) -> None:
        owners: dict[str, Place] = {}
        for place in finished:
            source = read_source(place[0])
            for name, node in source.definitions.items():
                if node is source.definitions[place[1]] and owners.setdefault(name, place) != place:
                    raise StandaloneError(f"{name} is defined in {owners[name][0]} and in {place[0]}.")


class _Annotations(cst.CSTTransformer):
    """Takes classes that are not there out of annotations."""

    def __init__(self, gatherer: Gatherer, module: str) -> None:
        super().__init__()
        self.gatherer, self.module = gatherer, module

    def leave_Annotation(self, original_node: cst.Annotation, updated_node: cst.Annotation) -> Any:
        kept = self._clean(original_node.annotation)
        return updated_node.with_changes(annotation=kept) if kept else cst.RemoveFromParent()

    def _clean(self, node: cst.BaseExpression) -> cst.BaseExpression | None:
        if isinstance(node, cst.BinaryOperation):
            left, right = self._clean(node.left), self._clean(node.right)
            return node.with_changes(left=left, right=right) if left and right else left or right
        missing = any(self.gatherer.is_missing(self.module, name) for name in Names.of(node).asked)
        return None if missing else node


@lru_cache(maxsize=2000)
def _mentions_spec(node: cst.CSTNode) -> bool:
    """Whether a definition can know anything of the spec: by an annotation, or by the script's own constant."""
    text = cst.Module([]).code_for_node(node)
    return any(name in text for name in (*SPEC_TYPES, "SPEC"))


def _is_spec_type(place: Place) -> bool:
    return place[0].startswith(_SPEC) and place[1] in (*SPEC_TYPES, "LayerSpec")


def _without_methods(piece: Piece) -> cst.CSTNode:
    assert isinstance(piece.node, cst.ClassDef)
    kept = [
        statement
        for statement in piece.node.body.body
        if not isinstance(statement, cst.FunctionDef) or statement.name.value in piece.methods
    ]
    return piece.node.with_changes(body=piece.node.body.with_changes(body=kept))


def _tidy(text: str) -> str:
    """Without blank lines around it, and without remarks to checkers that do not see it."""
    return "\n".join(_REMARK.sub("", line).rstrip() for line in text.strip("\n").splitlines())
