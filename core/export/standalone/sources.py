"""Gathers the definitions that a function needs from several modules' sources.

Functions, classes and constants are followed by name, methods by the names of attributes: what nothing uses is left
out. Of a registry only the entries that the specs name are kept, with what these need. Names that two modules give to
different things are refused, as everything goes into one file.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from core.export.standalone.reading import Import, Names, Source, StandaloneError, check_allowed, read_source

_REMARK = re.compile(r"\s*# (type: ignore|noqa)[^#\n]*")

Definition = tuple[str, str]  # a module and a name in it


@dataclass(frozen=True)
class Section:
    """What is needed of one module, as text."""

    module: str
    purpose: str
    definitions: tuple[str, ...]


@dataclass(frozen=True)
class Gathered:
    """Everything for one file, and what it uses: definitions that were `given`, attributes, registries by name."""

    imports: tuple[Import, ...]
    sections: tuple[Section, ...]
    given: frozenset[Definition]
    attributes: frozenset[str]
    registries: frozenset[str]


class Gatherer:
    """Follows names from a root.

    `given`: definitions that the caller writes. `replaced`: definitions to use instead of others. `entries`: the keys
    of the entries to keep, by the name of their registry.
    """

    def __init__(
        self,
        given: frozenset[Definition],
        replaced: Mapping[Definition, Definition],
        entries: Mapping[str, Collection[str]],
    ) -> None:
        self.given, self.replaced, self.entries = given, replaced, entries
        self._texts: dict[Definition, str] = {}  # of what is needed; of a class, once all methods are known
        self._needed_given: set[Definition] = set()
        self._imports: dict[str, Import] = {}
        self._attributes: set[str] = set()
        self._registries: set[str] = set()
        self._methods: dict[Definition, set[str]] = {}
        self._waiting: dict[str, list[tuple[Definition, ast.FunctionDef]]] = {}

    def gather(self, module: str, name: str) -> Gathered:
        """All that `module.name` needs. Raises StandaloneError."""
        self.reach(module, name)
        self._refuse_clashes()
        for found, methods in self._methods.items():
            source, node = _look_up(found)
            self._texts[found] = source.text_of(node, [one for one in _methods_of(node) if one.name not in methods])
        sections = []
        for source in _in_order(module):
            needed = [name for name in source.definitions if (source.name, name) in self._texts]
            if needed:
                texts = tuple(_tidy(self._texts[source.name, name]) for name in needed)
                sections.append(Section(source.name, source.purpose, texts))
        return Gathered(
            tuple(self._imports[alias] for alias in sorted(self._imports)),
            tuple(sections),
            frozenset(self._needed_given),
            frozenset(self._attributes),
            frozenset(self._registries),
        )

    def resolve(self, module: str, name: str) -> Definition | Import | None:
        """Where a name of a module is defined; None for a builtin."""
        source = read_source(module)
        if name in source.definitions:
            first = next(other for other, node in source.definitions.items() if node is source.definitions[name])
            return self.replaced.get((module, first), (module, first))
        found = source.imports.get(name)
        return self.resolve(found.module, found.name) if found and found.is_ours else found

    def reach(self, module: str, name: str) -> None:
        """Adds a definition, and whatever it needs, unless it is there already."""
        found = self.resolve(module, name)
        if isinstance(found, Import):
            check_allowed(found)
            if self._imports.setdefault(found.alias, found) != found:
                raise StandaloneError(f"{name} means {self._imports[found.alias]} elsewhere and {found} in {module}.")
        elif found in self.given:
            self._needed_given.add(found)
        elif found and found not in self._texts:
            source, node = _look_up(found)
            self._texts[found] = source.text_of(node)
            if isinstance(node, ast.ClassDef):
                self._reach_class(found, node)
            elif found[1] in self.entries:
                self._reach_registry(found, node)
            else:
                self._follow(found, [node])

    def _reach_class(self, found: Definition, node: ast.ClassDef) -> None:
        self._methods[found] = set()
        methods = _methods_of(node)
        self._follow(found, [*node.decorator_list, *node.bases, *(one for one in node.body if one not in methods)])
        for method in methods:
            # torch calls methods that nothing here names.
            if method.name.startswith("__") or method.name in self._attributes or self._is_foreign(*found):
                self._keep(found, method)
            else:
                self._waiting.setdefault(method.name, []).append((found, method))

    def _is_foreign(self, module: str, name: str) -> bool:
        """Whether a class has a base that is not ours."""
        found = self.resolve(module, name)
        if not isinstance(found, tuple):
            return isinstance(found, Import)
        bases = getattr(_look_up(found)[1], "bases", [])
        return any(not isinstance(base, ast.Name) or self._is_foreign(found[0], base.id) for base in bases)

    def _keep(self, found: Definition, method: ast.FunctionDef) -> None:
        self._methods[found].add(method.name)
        self._follow(found, [method])

    def _reach_registry(self, found: Definition, node: ast.stmt) -> None:
        source, keys = read_source(found[0]), self.entries[found[1]]
        match node:
            case ast.AnnAssign(value=ast.Dict() as table, annotation=annotation):
                pairs = zip(table.keys, table.values, strict=True)
                entries = {ast.literal_eval(name): (name, value) for name, value in pairs if name}
            case _:
                raise StandaloneError(f"{found[1]} in {found[0]} is no annotated table of entries.")
        if missing := [key for key in keys if key not in entries]:
            raise StandaloneError(f"{found[1]} in {found[0]} has no entry {missing[0]!r}.")
        self._registries.add(found[1])
        kept = [entries[key] for key in sorted(set(keys))]
        self._texts[found] = source.text_of_entries(node, kept)
        self._follow(found, [annotation, *(part for entry in kept for part in entry)])

    def _follow(self, found: Definition, nodes: Iterable[ast.AST]) -> None:
        module, names = found[0], Names(nodes)
        for name in sorted(names.asked):
            self.reach(module, name)
        for owner, attribute in sorted(names.attributes):
            if isinstance(self.resolve(module, owner), Import):
                continue  # numpy.load is no method of ours
            self._attributes.add(attribute)
            for waiting in self._waiting.pop(attribute, ()):
                self._keep(*waiting)

    def _refuse_clashes(self) -> None:
        owners: dict[str, str] = {alias: str(found) for alias, found in self._imports.items()}
        for module, first in self._texts:
            source = read_source(module)
            for name, node in source.definitions.items():
                if node is source.definitions[first] and owners.setdefault(name, module) != module:
                    raise StandaloneError(f"{name} is defined by {owners[name]} and in {module}.")


def _look_up(found: Definition) -> tuple[Source, ast.stmt]:
    source = read_source(found[0])
    return source, source.definitions[found[1]]


def _methods_of(node: ast.stmt) -> list[ast.FunctionDef]:
    return [one for one in node.body if isinstance(one, ast.FunctionDef)] if isinstance(node, ast.ClassDef) else []


def _in_order(root: str) -> list[Source]:
    """Modules, each after those that it imports from."""
    done: dict[str, Source] = {}
    under_way: set[str] = set()

    def visit(name: str) -> None:
        if name in under_way:
            return
        under_way.add(name)
        source = read_source(name)
        for found in source.imports.values():
            if found.is_ours:
                visit(found.module)
        done[name] = source

    visit(root)
    return list(done.values())


def _tidy(text: str) -> str:
    """Without remarks to linters, which do not see the file."""
    return "\n".join(_REMARK.sub("", line).rstrip() for line in text.splitlines())
