"""Finds places of a Python program in its syntax tree, and puts parts of the tree into words."""

import ast
import gc
import warnings
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_UNSAID = {"ctx", "kind", "type_comment", "type_ignores"}
"""Fields that change with the layout (`u""`) or follow from the rest."""

_NOWHERE = -2


@dataclass(frozen=True, slots=True)
class Sought:
    """A node by its columns and by the lines that it, or its parent, spans; `line` may be that of a part of it."""

    line: int
    column: int
    end_column: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Found:
    """A node and the qualified name of what it stands in: empty at the top of the module."""

    node: ast.AST
    scope: str


def find_nodes(source: bytes, sought: Sequence[Sought]) -> list[Found | None]:
    """The outermost node at each place, None where there is none.

    Raises SyntaxError, ValueError, RecursionError or MemoryError for a source that Python does not parse.
    """
    tree = _parsed(source)
    at_columns: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for number, place in enumerate(sought):
        at_columns[place.column, place.end_column].append(number)
    lines = sorted({line for place in sought for line in range(place.first, place.last + 1)})
    found: list[Found | None] = [None] * len(sought)
    for node, scope in _nodes_on(tree, lines):
        if isinstance(node, ast.Expr):  # parentheses around the expression belong to the statement
            continue
        span: tuple[int, int] = getattr(node, "col_offset", _NOWHERE), getattr(node, "end_col_offset", _NOWHERE)
        for number in at_columns.get(span, ()):
            if _better(node, found[number], sought[number]):
                found[number] = Found(node, scope)
    return found


def in_words(node: ast.AST) -> str:
    """A node without its place and its layout, in the same words in every version of Python.

    Of a function or a class it is the head: what is wrong there does not change with the body.
    """
    words = []
    for name, value in ast.iter_fields(node):
        if name in _UNSAID or value is None or value == [] or (name == "body" and isinstance(node, _SCOPES)):
            continue
        words.append(f"{name}={_value_in_words(value)}")
    return f"{type(node).__name__}({','.join(words)})"


def _parsed(source: bytes) -> ast.Module:
    collecting = gc.isenabled()
    gc.disable()  # a tree has no cycles: to look for them takes as long as to parse
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the scanned code, such as an invalid escape
            return ast.parse(source)
    finally:
        if collecting:
            gc.enable()


def _value_in_words(value: object) -> str:
    if isinstance(value, ast.AST):
        return in_words(value)
    if isinstance(value, list):
        return f"[{','.join(map(_value_in_words, value))}]"
    return repr(value)


def _better(node: ast.AST, found: Found | None, place: Sought) -> bool:
    assert isinstance(node, ast.stmt | ast.expr | ast.excepthandler | ast.arg | ast.keyword | ast.alias | ast.pattern)
    if not (place.first <= node.lineno and (node.end_lineno or node.lineno) <= place.last):
        return False
    return found is None or (node.lineno == place.line != getattr(found.node, "lineno", None))


def _nodes_on(tree: ast.AST, lines: Sequence[int]) -> Iterator[tuple[ast.AST, str]]:
    """The nodes that span one of these lines, each with its scope, those outside first."""
    pending = [(tree, "")]
    while pending:
        node, scope = pending.pop()
        yield node, scope
        inside = f"{scope}.{node.name}" if isinstance(node, _SCOPES) else scope
        pending += [(child, inside) for child in ast.iter_child_nodes(node) if _spans(child, lines)]


def _spans(node: ast.AST, lines: Sequence[int]) -> bool:
    first, last = getattr(node, "lineno", None), getattr(node, "end_lineno", None)
    if first is None or last is None:
        return True
    if decorators := getattr(node, "decorator_list", None):
        first = min(first, *(decorator.lineno for decorator in decorators))
    place = bisect_left(lines, first)
    return place < len(lines) and lines[place] <= last
