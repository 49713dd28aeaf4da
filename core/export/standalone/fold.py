"""Leaves out of Python source what one spec never reaches: the branches that its choices do not take.

`if model.attention == "se"` is decided where the spec says "none", and what stood in the branch is gone. A field that
decided anything is then fixed: code for its other values may be missing, so it is no longer a setting but a literal.
Comments and layout stay, as libcst keeps them.
"""

# ruff: noqa: N802 - libcst calls a visitor by the name of the node
from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import libcst as cst

from core.export.standalone.meanings import Leaf, Scoped, Settings, pairs_of, parts_of

_LEAVING = (cst.Return, cst.Raise, cst.Continue, cst.Break)


def fold(node: cst.CSTNode, settings: Settings) -> tuple[cst.CSTNode, dict[str, set[str]]]:
    """A definition without the branches that are not taken, and the fields that decided, by function."""
    used: dict[str, set[str]] = {}
    while True:
        step = Fold(settings)
        folded = node.visit(step)
        assert isinstance(folded, cst.CSTNode)
        for name, fields in step.used.items():
            used.setdefault(name, set()).update(fields)
        # A name that lost its second assignment may decide further branches.
        if not step.used or folded.deep_equals(node):
            return folded, used
        node = folded


class Fold(Scoped):
    """Decides branches; `used` tells, for each function by its name, the fields that decided something in it."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.used: dict[str, set[str]] = {}
        self._elifs: set[int] = set()

    def _decide(self, test: cst.BaseExpression) -> bool | None:
        known = self.known(test)
        if known is None:
            return None
        self.used.setdefault(self.functions[0] if self.functions else "", set()).update(known.fields)
        return bool(known.value)

    def _shorten(self, test: cst.BaseExpression) -> cst.BaseExpression:
        """A test without the sides that settle nothing."""
        if isinstance(test, cst.BooleanOperation):
            for side, other in ((test.left, test.right), (test.right, test.left)):
                if self._decide(side) is not None:
                    return self._shorten(other)
        return test

    def visit_If(self, node: cst.If) -> None:
        if isinstance(node.orelse, cst.If):
            self._elifs.add(id(node.orelse))

    def leave_If(self, original_node: cst.If, updated_node: cst.If) -> Any:
        decided, is_elif = self._decide(original_node.test), id(original_node) in self._elifs
        if decided is None:
            return updated_node.with_changes(test=self._shorten(updated_node.test))
        if is_elif:
            if decided:
                return cst.Else(body=updated_node.body, leading_lines=updated_node.leading_lines)
            return updated_node.orelse or cst.RemoveFromParent()
        if decided:
            return _inline(updated_node.body, updated_node.leading_lines)
        match updated_node.orelse:
            case cst.If() as later:
                return later.with_changes(leading_lines=updated_node.leading_lines)
            case cst.Else(body=body):
                return _inline(body, updated_node.leading_lines)
            case _:
                return cst.RemoveFromParent()

    def leave_IfExp(self, original_node: cst.IfExp, updated_node: cst.IfExp) -> cst.BaseExpression:
        decided = self._decide(original_node.test)
        if decided is None:
            return updated_node.with_changes(test=self._shorten(updated_node.test))
        return updated_node.body if decided else updated_node.orelse

    def leave_Match(self, original_node: cst.Match, updated_node: cst.Match) -> Any:
        subject = self.known(original_node.subject)
        if subject is None or any(case.guard for case in original_node.cases):
            return updated_node
        fits = [_fits(case.pattern, subject.value) for case in original_node.cases]
        if None in fits:
            return updated_node
        self._decide(original_node.subject)
        chosen = next((case for case, fit in zip(updated_node.cases, fits, strict=True) if fit), None)
        return _inline(chosen.body, updated_node.leading_lines) if chosen else cst.RemoveFromParent()

    def leave_IndentedBlock(
        self, original_node: cst.IndentedBlock, updated_node: cst.IndentedBlock
    ) -> cst.IndentedBlock:
        """Nothing runs after a `return`, and a block is never empty."""
        body = list(updated_node.body)
        for place, statement in enumerate(body):
            if isinstance(statement, cst.SimpleStatementLine) and isinstance(statement.body[-1], _LEAVING):
                body = body[: place + 1]
                break
        if not body:
            body = [cst.SimpleStatementLine([cst.Pass()])]
        return updated_node.with_changes(body=body)


class Fix(Scoped):
    """Puts the values of fixed fields in their places, and notes which other fields are `live`."""

    def __init__(self, settings: Settings, fixed: set[str]) -> None:
        super().__init__(settings)
        self.fixed, self.live = fixed, set[str]()
        self._formatted = 0

    def visit_FormattedString(self, node: cst.FormattedString) -> None:
        self._formatted += 1

    def leave_FormattedString(
        self, original_node: cst.FormattedString, updated_node: cst.FormattedString
    ) -> cst.BaseExpression:
        self._formatted -= 1
        return updated_node

    def leave_Attribute(self, original_node: cst.Attribute, updated_node: cst.Attribute) -> cst.BaseExpression:
        meaning = self.meaning(original_node)
        if not isinstance(meaning, Leaf):
            return updated_node
        # `self.rate`, where that is a field, is no place at which the spec itself is asked.
        base = original_node.value
        if isinstance(base, cst.Name) and base.value == "self":
            return updated_node
        if meaning.path not in self.fixed:
            self.live.add(meaning.path)
            return updated_node
        text = repr(self.settings.value(meaning.path))
        return cst.parse_expression(text if self._formatted else text.replace("'", '"'))


class DropUnused(Scoped):
    """Takes out the names for parts of the spec that nothing asks for any more."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.loads: list[Counter[str]] = []

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        super().visit_FunctionDef(node)
        self.loads.append(Loads.of(node.body))

    def leave_FunctionDef(self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef) -> cst.FunctionDef:
        self.loads.pop()
        return super().leave_FunctionDef(original_node, updated_node)

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> Any:
        match original_node.body:
            case [cst.Assign(targets=[cst.AssignTarget(target=target)], value=value)] if self.loads:
                pairs = list(pairs_of(target, value))
                kept = [pair for pair in pairs if not self._is_idle(*pair)]
                if not kept:
                    return cst.RemoveFromParent()
                if len(kept) < len(pairs):
                    return updated_node.with_changes(body=[_assign(kept)])
        return updated_node

    def _is_idle(self, target: cst.BaseExpression, value: cst.BaseExpression) -> bool:
        if not isinstance(target, cst.Name) or self.loads[-1][target.value]:
            return False
        return self.meaning(value) is not None


class Loads(cst.CSTVisitor):
    """How often each name is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    @classmethod
    def of(cls, node: cst.CSTNode) -> Counter[str]:
        loads = cls()
        node.visit(loads)
        return loads.counts

    def visit_AssignTarget(self, node: cst.AssignTarget) -> bool:
        return not all(isinstance(part, cst.Name) for part in parts_of(node.target))

    def visit_Name(self, node: cst.Name) -> None:
        self.counts[node.value] += 1

    def visit_Attribute(self, node: cst.Attribute) -> bool:
        node.value.visit(self)
        return False

    def visit_Arg(self, node: cst.Arg) -> bool:
        node.value.visit(self)
        return False


def _assign(pairs: list[tuple[cst.BaseExpression, cst.BaseExpression]]) -> cst.Assign:
    targets, values = zip(*pairs, strict=True)
    target: Any = _join(targets)
    return cst.Assign([cst.AssignTarget(target)], _join(values))


def _join(sides: Sequence[cst.BaseExpression]) -> cst.BaseExpression:
    return cst.Tuple([cst.Element(side) for side in sides], lpar=[], rpar=[]) if len(sides) > 1 else sides[0]


def _inline(body: cst.BaseSuite, lines: Sequence[cst.EmptyLine]) -> Any:
    """The statements of a block, to stand where the block's head stood."""
    statements = [statement for statement in body.body if isinstance(statement, cst.BaseStatement)]
    if not statements:
        return cst.RemoveFromParent()
    first = statements[0]
    kept = (*lines, *getattr(first, "leading_lines", ()))
    return cst.FlattenSentinel([first.with_changes(leading_lines=kept), *statements[1:]])


def _fits(pattern: cst.MatchPattern, value: Any) -> bool | None:
    """Whether a case is taken; None where the pattern is of a kind that is not understood."""
    match pattern:
        case cst.MatchValue(value=cst.SimpleString() as text):
            return bool(text.evaluated_value == value)
        case cst.MatchOr(patterns=several):
            fits = [_fits(one.pattern, value) for one in several]
            return None if None in fits else any(fits)
        case cst.MatchAs(pattern=None, name=None):
            return True
        case _:
            return None
