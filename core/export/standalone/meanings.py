"""What the names in a piece of Python source are, as far as that follows from a spec.

`spec = self.spec.train` makes `spec.epochs` a field, and `early = model.block == "basic"` makes `early` true or false.
Found out by annotations (`train: TrainSpec`) and by names that are assigned once.
"""

# ruff: noqa: N802 - libcst calls a visitor by the name of the node
from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import libcst as cst

from core.spec import SECTIONS, RunSpec
from core.spec.fields import fields_of

# What a parameter of this type is: the address of the section in the spec.
SPEC_TYPES = {"RunSpec": "", **{kind.__name__: name for name, kind in SECTIONS.items()}}
NUM_CLASSES = "data.num_classes"  # worked out, not a field

_COMPARISONS: dict[type[cst.BaseCompOp], Callable[[Any, Any], Any]] = {
    cst.Equal: operator.eq,
    cst.NotEqual: operator.ne,
    cst.GreaterThan: operator.gt,
    cst.LessThan: operator.lt,
    cst.Is: operator.is_,
    cst.IsNot: operator.is_not,
    cst.In: lambda value, several: value in several,
    cst.NotIn: lambda value, several: value not in several,
}
_CONSTANTS = {"True": True, "False": False, "None": None}


@dataclass(frozen=True)
class Section:
    """An expression that is a part of the spec; "" is the whole."""

    path: str


@dataclass(frozen=True)
class Leaf:
    """An expression that is one field of the spec."""

    path: str


@dataclass(frozen=True)
class Known:
    """An expression whose value is certain, because of these fields."""

    value: Any
    fields: frozenset[str] = frozenset()


Meaning = Section | Leaf | Known | None


class Settings:
    """The values of a spec, by address; `fixed` are those that must not be changed in any case."""

    def __init__(self, spec: RunSpec, fixed: Sequence[str] = ()) -> None:
        self.spec, self.fixed = spec, frozenset(fixed)
        self.kinds = {field.path: field.kind for name in SECTIONS for field in fields_of(name)}

    def value(self, path: str) -> Any:
        section, _, name = path.partition(".")
        return getattr(getattr(self.spec, section), name)

    def child(self, path: str, name: str) -> Meaning:
        """What the attribute `name` of the section `path` is."""
        inner = f"{path}.{name}" if path else name
        if inner in SECTIONS:
            return Section(inner)
        return Leaf(inner) if inner in self.kinds or inner == NUM_CLASSES else None

    def decides(self, path: str) -> bool:
        """Whether code is left out by this field's value: choices do that, and numbers that switch something off.

        A number that is not 0 keeps both branches, so that it can still be changed.
        """
        return path in self.fixed or self.kinds.get(path) in ("choice", "bool") or self.value(path) in (0, ())


class Scoped(cst.CSTTransformer):
    """Walks a definition and knows, at each place, which names are parts of the spec."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self.scopes: list[dict[str, Meaning]] = [{"SPEC": Section("")}]
        self.attributes: list[dict[str, Meaning]] = []
        self.functions: list[str] = []

    def visit_ClassDef(self, node: cst.ClassDef) -> None:
        self.attributes.append(self._bind_attributes(node))

    def leave_ClassDef(self, original_node: cst.ClassDef, updated_node: cst.ClassDef) -> cst.ClassDef:
        self.attributes.pop()
        return updated_node

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        self.functions.append(node.name.value)
        self._enter(node)

    def leave_FunctionDef(self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef) -> cst.FunctionDef:
        self.functions.pop()
        self.scopes.pop()
        return updated_node

    def visit_Lambda(self, node: cst.Lambda) -> None:
        self.scopes.append({param.name.value: None for param in params_of(node.params)})

    def leave_Lambda(self, original_node: cst.Lambda, updated_node: cst.Lambda) -> cst.BaseExpression:
        self.scopes.pop()
        return updated_node

    def _enter(self, node: cst.FunctionDef) -> None:
        """Binds parameters by their annotation, and names that are assigned once by what they are assigned."""
        stores = Stores.of(node.body)
        scope: dict[str, Meaning] = dict.fromkeys(stores.counts)
        for param in params_of(node.params):
            annotation = param.annotation.annotation if param.annotation else None
            kind = annotation.value if isinstance(annotation, cst.Name) else ""
            known = kind in SPEC_TYPES and param.name.value not in stores.counts
            scope[param.name.value] = Section(SPEC_TYPES[kind]) if known else None
        names = {param.name.value for param in params_of(node.params)}
        self.scopes.append(scope)
        for name, value in stores.assigned:
            if stores.counts[name] == 1 and name not in names:
                scope[name] = self.meaning(value)

    def _bind_attributes(self, node: cst.ClassDef) -> dict[str, Meaning]:
        """What `self.name` is, where `__init__` alone assigns it."""
        found: dict[str, Meaning] = {}
        stores = Stores.of(node.body, deep=True)
        for statement in node.body.body:
            if isinstance(statement, cst.FunctionDef) and statement.name.value == "__init__":
                self._enter(statement)
                for name, value in stores.own_assigned:
                    meaning = self.meaning(value) if stores.own_counts[name] == 1 else None
                    # A plain number may well be changed by others than the class itself.
                    if isinstance(meaning, Section | Leaf) or (isinstance(meaning, Known) and meaning.fields):
                        found[name] = meaning
                self.scopes.pop()
        return found

    def meaning(self, node: cst.BaseExpression) -> Meaning:
        """What an expression is, if it follows from the spec."""
        match node:
            case cst.Name(value=name) if name in _CONSTANTS:
                return Known(_CONSTANTS[name])
            case cst.Name(value=name):
                return next((scope[name] for scope in reversed(self.scopes) if name in scope), None)
            case cst.Attribute(value=cst.Name(value="self"), attr=cst.Name(value=name)):
                return self.attributes[-1].get(name) if self.attributes else None
            case cst.Attribute(value=base, attr=cst.Name(value=name)):
                section = self.meaning(base)
                return self.settings.child(section.path, name) if isinstance(section, Section) else None
            case cst.SimpleString() | cst.Integer() | cst.Float():
                return Known(node.evaluated_value)
            case cst.IfExp():
                test = self.known(node.test)
                chosen = self.meaning(node.body if test.value else node.orelse) if test else None
                return _because(chosen, test.fields) if test else None
            case _:
                return self._test(node)

    def known(self, node: cst.BaseExpression) -> Known | None:
        """The value of an expression, where the spec decides it."""
        meaning = self.meaning(node)
        if isinstance(meaning, Leaf) and self.settings.decides(meaning.path):
            return Known(self.settings.value(meaning.path), frozenset([meaning.path]))
        return meaning if isinstance(meaning, Known) else None

    def _test(self, node: cst.BaseExpression) -> Known | None:
        match node:
            case cst.UnaryOperation(operator=cst.Not(), expression=inner):
                value = self.known(inner)
                return Known(not value.value, value.fields) if value else None
            case cst.BooleanOperation():
                return self._both(node)
            case cst.Comparison(left=left, comparisons=[cst.ComparisonTarget(operator=sign, comparator=right)]):
                first, second = self.known(left), self._known_all(right)
                compare = _COMPARISONS.get(type(sign))
                if first and second and compare:
                    return Known(bool(compare(first.value, second.value)), first.fields | second.fields)
        return None

    def _both(self, node: cst.BooleanOperation) -> Known | None:
        left, right = self.known(node.left), self.known(node.right)
        settles = isinstance(node.operator, cst.Or)  # one true side settles an `or`, one false side an `and`
        for side in (left, right):
            if side and bool(side.value) == settles:
                return Known(settles, side.fields)
        return Known(not settles, left.fields | right.fields) if left and right else None

    def _known_all(self, node: cst.BaseExpression) -> Known | None:
        if not isinstance(node, cst.Tuple):
            return self.known(node)
        values = [self.known(element.value) for element in node.elements]
        if any(value is None for value in values):
            return None
        return Known(tuple(value.value for value in values if value))


class Stores(cst.CSTVisitor):
    """Names that a body assigns, how often, and what; the same of attributes of `self`."""

    def __init__(self, *, deep: bool) -> None:
        super().__init__()
        self.deep = deep
        self.counts: Counter[str] = Counter()
        self.own_counts: Counter[str] = Counter()
        self.assigned: list[tuple[str, cst.BaseExpression]] = []
        self.own_assigned: list[tuple[str, cst.BaseExpression]] = []

    @staticmethod
    @lru_cache(maxsize=4000)
    def of(node: cst.CSTNode, *, deep: bool = False) -> Stores:
        """`deep` looks into inner functions too."""
        stores = Stores(deep=deep)
        node.visit(stores)
        return stores

    def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
        self.counts[node.name.value] += 1
        return self.deep

    def visit_Lambda(self, node: cst.Lambda) -> bool:
        return self.deep

    def visit_Nonlocal(self, node: cst.Nonlocal) -> None:
        self.counts.update({item.name.value: 2 for item in node.names})

    def visit_Assign(self, node: cst.Assign) -> None:
        for target in node.targets:
            self._note(target.target, node.value)

    def visit_AnnAssign(self, node: cst.AnnAssign) -> None:
        if node.value is not None:
            self._note(node.target, node.value)

    def visit_AugAssign(self, node: cst.AugAssign) -> None:
        self._count(node.target, 2)

    def visit_NamedExpr(self, node: cst.NamedExpr) -> None:
        self._count(node.target, 2)

    def visit_For(self, node: cst.For) -> None:
        self._count(node.target, 2)

    def visit_CompFor(self, node: cst.CompFor) -> None:
        self._count(node.target, 2)

    def visit_AsName(self, node: cst.AsName) -> None:
        self._count(node.name, 2)

    def _note(self, target: cst.BaseExpression, value: cst.BaseExpression) -> None:
        self._count(target, 1)
        for part, inner in pairs_of(target, value):
            match part:
                case cst.Name(value=name):
                    self.assigned.append((name, inner))
                case cst.Attribute(value=cst.Name(value="self"), attr=cst.Name(value=name)):
                    self.own_assigned.append((name, inner))

    def _count(self, target: cst.BaseExpression, times: int) -> None:
        for part in parts_of(target):
            match part:
                case cst.Name(value=name):
                    self.counts[name] += times
                case cst.Attribute(value=cst.Name(value="self"), attr=cst.Name(value=name)):
                    self.own_counts[name] += times


def params_of(params: cst.Parameters) -> Iterator[cst.Param]:
    yield from (*params.posonly_params, *params.params, *params.kwonly_params)
    for star in (params.star_arg, params.star_kwarg):
        if isinstance(star, cst.Param):
            yield star


def parts_of(target: cst.BaseExpression) -> Iterator[cst.BaseExpression]:
    if isinstance(target, cst.Tuple | cst.List):
        for element in target.elements:
            yield from parts_of(element.value)
    else:
        yield target


def pairs_of(
    target: cst.BaseExpression, value: cst.BaseExpression
) -> Iterator[tuple[cst.BaseExpression, cst.BaseExpression]]:
    """`a, b = x, y` as (a, x), (b, y)."""
    if isinstance(target, cst.Tuple) and isinstance(value, cst.Tuple) and len(target.elements) == len(value.elements):
        for one, other in zip(target.elements, value.elements, strict=True):
            yield one.value, other.value
    else:
        yield target, value


def _because(meaning: Meaning, fields: frozenset[str]) -> Meaning:
    return Known(meaning.value, meaning.fields | fields) if isinstance(meaning, Known) else meaning
