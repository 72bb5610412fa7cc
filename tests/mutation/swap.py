"""A mutant put into a running program: the functions that it changes get its code, in every place that holds them.

Loading the program and collecting its tests takes longer than the tests that notice a mutant. So the program is loaded once and
a forked process changes it: all that imported a function, hold a method, or wrapped either see the mutant's code at once.
What runs only while a module is loaded (a constant, a default, a table) cannot be changed like this.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType

Place = tuple[str, int]
"""Qualified name and first line of a function."""


def swap(module: ModuleType, text: str) -> bool:
    """Give the functions of a loaded module the code of a changed text; False, and nothing changed, where that is not enough."""
    changed = compile(text, str(module.__file__), "exec", dont_inherit=True)
    with open(str(module.__file__), encoding="utf-8") as file:
        plain = compile(file.read(), str(module.__file__), "exec", dont_inherit=True)
    if _own(changed) != _own(plain):
        return False
    before, after = dict(_inner(plain)), dict(_inner(changed))
    different = {place for place, code in after.items() if before.get(place) != code}
    functions = [one for one in _functions(module) if _place(one.__code__) in different]
    outermost = {place for place in different if not any(_within(place, other) for other in different)}
    if not different or {_place(one.__code__) for one in functions} < outermost:
        return False
    try:
        for one in functions:
            one.__code__ = after[_place(one.__code__)]
    except ValueError:  # another number of variables of the function around it
        return False
    return True


def _place(code: CodeType) -> Place:
    return code.co_qualname, code.co_firstlineno


def _within(place: Place, other: Place) -> bool:
    return place != other and place[0].startswith(f"{other[0]}.<locals>.")


def _inner(code: CodeType) -> Iterator[tuple[Place, CodeType]]:
    """All functions in a piece of code, and those in them; a class body is no function, what it contains is."""
    for one in code.co_consts:
        if isinstance(one, CodeType):
            if one.co_flags & 0x2:  # CO_NEWLOCALS: a function, a lambda, a comprehension
                yield _place(one), one
            yield from _inner(one)


def _own(code: CodeType) -> tuple[object, ...]:
    """What runs while a module or a class body is loaded."""
    held = [one for one in code.co_consts if isinstance(one, CodeType)]
    constants = [repr(one) for one in code.co_consts if not isinstance(one, CodeType)]
    classes = [_own(one) for one in held if not one.co_flags & 0x2]
    return (code.co_code, code.co_names, constants, classes, [_place(one) for one in held if one.co_flags & 0x2])


def _functions(module: ModuleType) -> Iterator[FunctionType]:
    """The functions that a module defines: its own, its classes', those behind a wrapper, and properties'."""
    waiting: list[object] = list(vars(module).values())
    seen: set[int] = set()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, FunctionType) and one.__code__.co_filename == module.__file__:
            yield one
            waiting += [cell.cell_contents for cell in one.__closure__ or () if cell != type(cell)()]
        elif isinstance(one, type) and one.__module__ == module.__name__:
            waiting += vars(one).values()
        waiting += [getattr(one, name, None) for name in ("__wrapped__", "__func__", "fget", "func", "decorator")]
