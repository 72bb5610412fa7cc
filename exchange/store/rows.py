"""Frozen rows to what SQLAlchemy takes, and back."""

from collections.abc import Callable, Iterable
from dataclasses import fields
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Row

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

R = TypeVar("R")


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def values(rows: Iterable["DataclassInstance"]) -> list[dict[str, Any]]:
    """Rows of one dataclass as parameters: its field names are the columns' names."""
    found = list(rows)
    if not found:
        return []
    names = _names(type(found[0]))
    read = attrgetter(*names)
    return [dict(zip(names, read(row), strict=True)) for row in found]


def made(kind: Callable[..., R], rows: Iterable[Row[Any]]) -> tuple[R, ...]:
    """Selected rows as values of the dataclass, whose fields stand in the order of the columns."""
    return tuple(kind(*row) for row in rows)
