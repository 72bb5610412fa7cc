"""The mutants of one module: every small change that a test should notice (docs/mutants.md).

A mutant is the module's text with one piece replaced; every line keeps its number. What cannot change an answer is left
alone: docstrings, annotations, imports, decorators, and sentences for people (a text with a space; the reason code beside
it is mutated).
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

COMPARED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
COUNTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitOr,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
CALLED = {"any": "all", "all": "any", "max": "min", "min": "max"}
CUT = (ast.Expr, ast.Raise, ast.AugAssign, ast.Delete, ast.Assert, ast.For, ast.Continue, ast.Break)


@dataclass(frozen=True, slots=True)
class Mutant:
    """One changed module; `name` says where and what, `key` identifies the changed text."""

    path: str
    function: str
    line: int
    end: int
    operator: str
    before: str
    after: str
    text: str

    @property
    def name(self) -> str:
        """`function: before → after`, on one line; the same change made twice in a function has the same name."""
        before = self.before.splitlines()[0] if self.after == "pass" else self.before
        return f"{self.function}: {_short(before)} → {_short(self.after)}"

    @property
    def key(self) -> str:
        """SHA-256 of path and changed text, 16 hex digits: equal exactly when the mutant is."""
        return hashlib.sha256(f"{self.path}\n{self.text}".encode()).hexdigest()[:16]


def _as_long(after: str, node: ast.AST) -> str:
    """The replacement on as many lines as what it replaces, so that everything behind it keeps its line."""
    more = "\n" * (node.end_lineno - node.lineno)  # type: ignore[attr-defined]
    return f"({after}{more})" if more and isinstance(node, ast.expr) else f"{after}{more}"


def _short(piece: str) -> str:
    return " ".join(piece.split())


class _Finder:
    """Walks a module once and yields (operator, node to replace, replacement) with the function it stands in."""

    def __init__(self, source: str) -> None:
        self.tree = ast.parse(source)
        self.found: list[tuple[str, str, ast.AST, str]] = []

    def find(self) -> list[tuple[str, str, ast.AST, str]]:
        self._body(self.tree.body, "module")
        return self.found

    def _add(self, where: str, operator: str, node: ast.AST, replacement: str | ast.AST) -> None:
        text = replacement if isinstance(replacement, str) else ast.unparse(replacement)
        if isinstance(node, ast.expr):
            text = f"({text})" if not isinstance(replacement, (str, ast.Constant, ast.Name)) else text
        self.found.append((where, operator, node, text))

    def _body(self, body: list[ast.stmt], where: str) -> None:
        for position, statement in enumerate(body):
            if position == 0 and _is_text(statement):
                continue
            self._statement(statement, where, alone=len(body) == 1)

    def _statement(self, node: ast.stmt, where: str, alone: bool) -> None:
        if isinstance(node, (ast.Import, ast.ImportFrom)) or _is_text(node):
            return
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            inner = node.name if where == "module" else f"{where}.{node.name}"
            if not isinstance(node, ast.ClassDef):
                for default in [*node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)]:
                    self._expression(default, inner)
            self._body(node.body, inner)
            return
        if isinstance(node, CUT) and not (alone and isinstance(node, ast.Raise)):
            self._add(where, "statement deletion", node, "pass")
        if isinstance(node, ast.AnnAssign) and node.value is None:
            return
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, (ast.Attribute, ast.Subscript)) for target in targets):
                self._add(where, "statement deletion", node, "pass")
            self._expression(node.value, where)
            for target in targets:
                self._expression(target, where)
            return
        if isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
            self._add(where, "return", node, "return None")
        if isinstance(node, ast.If):
            self._add(where, "condition", node.test, "False")
        if isinstance(node, (ast.If, ast.While)):
            self._negation(node.test, where)
        if isinstance(node, ast.AugAssign):
            changed = ast.AugAssign(node.target, COUNTED[type(node.op)](), node.value)
            self._add(where, "arithmetic", node, changed)
        if isinstance(node, ast.Try):
            for handler in node.handlers:
                if isinstance(handler.type, ast.Tuple):
                    for left_out in handler.type.elts:
                        kept = [one for one in handler.type.elts if one is not left_out]
                        self._add(where, "exception", handler.type, ast.Tuple(kept, ast.Load()))
                self._body(handler.body, where)
            for part in (node.body, node.orelse, node.finalbody):
                self._body(part, where)
            return
        for name, value in ast.iter_fields(node):
            if name in ("body", "orelse"):
                self._body(value, where)
            elif isinstance(value, ast.expr):
                self._expression(value, where)
            elif isinstance(value, list):
                for one in value:
                    self._expression(one.context_expr if isinstance(one, ast.withitem) else one, where)

    def _negation(self, test: ast.expr, where: str) -> None:
        plain = isinstance(test, ast.Compare) and len(test.ops) == 1  # its own operator has the negation
        if not plain and not (isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)):
            self._add(where, "condition", test, ast.UnaryOp(ast.Not(), test))

    def _expression(self, node: ast.AST, where: str) -> None:
        match node:
            case ast.Compare(left=left, ops=operators, comparators=right):
                for at, operator in enumerate(operators):
                    for other in COMPARED[type(operator)]:
                        changed = ast.Compare(left, [*operators[:at], other(), *operators[at + 1 :]], right)
                        self._add(where, "comparison", node, changed)
            case ast.BoolOp(op=operator, values=values):
                turned = ast.Or() if isinstance(operator, ast.And) else ast.And()
                self._add(where, "boolean", node, ast.BoolOp(turned, values))
                for at in range(len(values)):
                    kept = [*values[:at], *values[at + 1 :]]
                    self._add(where, "boolean", node, kept[0] if len(kept) == 1 else ast.BoolOp(operator, kept))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                self._add(where, "boolean", node, operand)
            case ast.BinOp(left=left, op=operator, right=right):
                self._add(where, "arithmetic", node, ast.BinOp(left, COUNTED[type(operator)](), right))
                if isinstance(operator, ast.Add):
                    self._add(where, "arithmetic", node, left)
                    self._add(where, "arithmetic", node, right)
            case ast.IfExp(test=test):
                self._negation(test, where)
            case ast.Call(func=ast.Name(id=name)) if name in CALLED:
                self._add(where, "call", node.func, CALLED[name])  # type: ignore[attr-defined]
            case ast.comprehension(ifs=tests):
                for test in tests:
                    self._negation(test, where)
            case ast.Constant():
                for other in _other_constants(node.value):
                    self._add(where, "constant", node, ast.Constant(other))
                return
            case ast.JoinedStr(values=values):
                self._text(node, values, where)
                return
            case ast.Lambda(body=body):
                self._expression(body, where)
                return
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, (ast.expr_context, ast.operator, ast.boolop, ast.cmpop, ast.unaryop)):
                self._expression(child, where)

    def _text(self, node: ast.JoinedStr, values: list[ast.expr], where: str) -> None:
        """A text with values in it: its fixed pieces (the places of nodes inside one are not known before Python 3.12)."""
        fixed = [(at, one) for at, one in enumerate(values) if isinstance(one, ast.Constant)]
        if any(" " in one.value for _, one in fixed):
            return
        for at, one in fixed:
            changed = [*values[:at], ast.Constant(one.value + "X"), *values[at + 1 :]]
            self._add(where, "constant", node, ast.JoinedStr(changed))


def _other_constants(value: object) -> Iterator[object]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield value + 1
    elif isinstance(value, bytes):
        yield bytes([value[0] ^ 1]) + value[1:] if value else b"X"
    elif isinstance(value, str) and " " not in value:
        yield value + "X"


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def mutants_of(path: str, source: str) -> list[Mutant]:
    """All mutants of a module in the order of its lines, each different text once."""
    raw = source.encode()
    starts = [0]
    for line in raw.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    made: dict[str, Mutant] = {}
    for function, operator, node, after in _Finder(source).find():
        first = starts[node.lineno - 1] + node.col_offset  # type: ignore[attr-defined]
        last = starts[node.end_lineno - 1] + node.end_col_offset  # type: ignore[attr-defined]
        before = raw[first:last].decode()
        text = (raw[:first] + _as_long(after, node).encode() + raw[last:]).decode()
        mutant = Mutant(path, function, node.lineno, node.end_lineno, operator, before, after, text)  # type: ignore[attr-defined]
        made.setdefault(mutant.key, mutant)
    return sorted(made.values(), key=lambda mutant: mutant.line)
