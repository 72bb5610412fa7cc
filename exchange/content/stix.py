"""A STIX 2.1 bundle as part of an alert: is it one, and do its markings say what the label says (``docs/spec/envelope.md``, STIX).

Checked by the publisher before sealing, by an approver before signing and by every reader: a bundle whose marking disagrees with
the signed label is handed to nobody. A closed reading of the common part of the OASIS standard (bundle, identifiers, types,
times, markings); what an object says beyond that is data, bounded and not judged. TLP 1 is refused and never mapped: its AMBER
is not TLP 2.0's. Nothing is fetched: a marking's definition travels in the bundle.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from exchange.model.problems import ExchangeError
from exchange.model.tlp import Label

MEDIA_TYPE: Final = "application/stix+json;version=2.1"
MAX_BUNDLE: Final = 8 << 20
"""Bytes of a bundle."""
MAX_OBJECTS: Final = 10_000
MAX_DEPTH: Final = 32
"""Levels of lists and objects."""
MAX_VALUES: Final = 500_000
"""Values in a bundle: what a reader's memory must hold."""

EXTENSION: Final = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
"""FIRST's extension with which TLP 2.0 is written in STIX 2.1."""
TLP2: Final[Mapping[str, Label]] = {
    "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1": Label.RED,
    "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003": Label.AMBER_STRICT,
    "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421": Label.AMBER,
    "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb": Label.GREEN,
    "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487": Label.CLEAR,
}
TLP1: Final = frozenset(
    {
        "marking-definition--613f2e26-407d-48c7-9eca-b8e7df99dc34",
        "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da",
        "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82",
        "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed",
    }
)
_ORDER: Final = (Label.CLEAR, Label.GREEN, Label.AMBER, Label.AMBER_STRICT, Label.RED)
_TLP2_CREATED: Final = "2022-10-01T00:00:00.000Z"
_OBSERVABLE: Final = frozenset(
    {
        "artifact", "autonomous-system", "directory", "domain-name", "email-addr", "email-message", "file", "ipv4-addr",
        "ipv6-addr", "mac-addr", "mutex", "network-traffic", "process", "software", "url", "user-account",
        "windows-registry-key", "x509-certificate",
    }
)  # fmt: skip
"""Cyber observables: no times of their own, and ``spec_version`` may be left out."""
_UNCHANGING: Final = frozenset({"marking-definition"})
"""Types that have no ``modified``."""

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
_TYPE = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_ID = re.compile(rf"([a-z0-9]+(?:-[a-z0-9]+)*)--{_UUID}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?Z")
_KEY = re.compile(r"[^\x00-\x1f\x7f]{1,250}")
_SELECTOR = re.compile(r"[a-z0-9_-]{1,250}(?:\.(?:\[[0-9]{1,6}\]|[A-Za-z0-9_-]{1,250})){0,32}")
_TYPE_LENGTH = range(3, 251)


class StixRefusal(ExchangeError):
    """A bundle that must not travel with the alert; the detail names the object by its place and id.

    Codes: ``stix-malformed``, ``stix-unmarked``, ``stix-higher``, ``stix-lower``, ``stix-two-markings``, ``stix-tlp1``,
    ``stix-marking-missing`` (its definition does not travel), ``stix-marking-false`` (its definition says something else).
    """


@dataclass(frozen=True, slots=True)
class Bundle:
    """A checked bundle: its id, its label, and how many objects of each type it has (definitions of markings apart)."""

    id: str
    label: Label
    types: tuple[tuple[str, int], ...]

    @property
    def objects(self) -> int:
        """Objects that say something."""
        return sum(count for _, count in self.types)


def is_stix(media_type: str) -> bool:
    """Whether an attachment says that it is a STIX bundle."""
    return media_type.partition(";")[0] == "application/stix+json"


def check_bundle(data: bytes, label: Label) -> Bundle:
    """Read a bundle and hold every marking in it against the alert's label. Raises StixRefusal."""
    raw = _decode(data)
    identifier = _bundle(raw)
    objects: list[dict[str, Any]] = raw["objects"]
    known: dict[tuple[str, str], int] = {}
    definitions: set[str] = set()
    for place, item in enumerate(objects):
        _object(place, item)
        version = (item["id"], str(item.get("modified", "")))
        if version in known:
            _refuse("stix-malformed", place, item, f"stands twice, first as object {known[version]}")
        known[version] = place
        if item["type"] == "marking-definition":
            _definition(place, item, label)
            definitions.add(item["id"])
    counted: dict[str, int] = {}
    for place, item in enumerate(objects):
        _markings(place, item, definitions, label)
        if item["type"] != "marking-definition":
            counted[item["type"]] = counted.get(item["type"], 0) + 1
    return Bundle(identifier, label, tuple(sorted(counted.items())))


# -- the form ------------------------------------------------------------------------------------------------------------


def _malformed(detail: str) -> StixRefusal:
    return StixRefusal("stix-malformed", detail)


def _refuse(code: str, place: int, item: object, detail: str) -> NoReturn:
    named = item.get("id") if isinstance(item, dict) else None
    shown = f" ({named})" if isinstance(named, str) and _ID.fullmatch(named) else ""
    raise StixRefusal(code, f"object {place}{shown}: {detail}")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return value


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is not a number")


def _decode(data: bytes) -> dict[str, Any]:
    if len(data) > MAX_BUNDLE:
        raise _malformed(f"a bundle has at most {MAX_BUNDLE} bytes")
    try:
        raw = json.loads(data.decode("utf-8"), object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except RecursionError:
        raise _malformed("the bundle is nested too deeply") from None
    except ValueError as error:
        raise _malformed(f"the bundle is not JSON: {str(error)[:100]}") from None
    if not isinstance(raw, dict):
        raise _malformed("a bundle is an object")
    _bounded(raw)
    return raw


def _bounded(raw: dict[str, Any]) -> None:
    """Depth and number of values, without recursion."""
    level: list[Any] = [raw]
    values = 0
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for value in level:
            inner = value.values() if isinstance(value, dict) else value
            values += len(value)
            if isinstance(value, dict) and not all(_KEY.fullmatch(key) for key in value):
                raise _malformed("a property's name has control characters or is too long")
            below += [v for v in inner if isinstance(v, dict | list)]
        if values > MAX_VALUES:
            raise _malformed(f"the bundle has more than {MAX_VALUES} values")
        if not below:
            return
        level = below
    raise _malformed(f"the bundle is nested more than {MAX_DEPTH} levels deep")


def _bundle(raw: dict[str, Any]) -> str:
    unknown = sorted(raw.keys() - {"type", "id", "objects"})
    if unknown:
        raise _malformed("a STIX 2.1 bundle has type, id and objects, and nothing else")
    identifier = raw.get("id")
    if raw.get("type") != "bundle" or not isinstance(identifier, str) or not _is_id(identifier, "bundle"):
        raise _malformed("type is bundle, and the id begins with bundle--")
    objects = raw.get("objects")
    if not isinstance(objects, list) or not 1 <= len(objects) <= MAX_OBJECTS:
        raise _malformed(f"a bundle has 1 to {MAX_OBJECTS} objects")
    return identifier


def _is_id(text: str, kind: str) -> bool:
    match = _ID.fullmatch(text)
    return match is not None and match[1] == kind


def _object(place: int, item: object) -> None:
    """The common properties of an object."""
    if not isinstance(item, dict):
        raise _malformed(f"object {place} is not an object")
    kind, identifier = item.get("type"), item.get("id")
    if not isinstance(kind, str) or _TYPE.fullmatch(kind) is None or len(kind) not in _TYPE_LENGTH or kind == "bundle":
        raise _malformed(f"object {place} has no type")
    if not isinstance(identifier, str) or not _is_id(identifier, kind):
        raise _malformed(f"object {place}: its id is not {kind}-- and a UUID")
    observable = kind in _OBSERVABLE
    if item.get("spec_version", "2.1" if observable else None) != "2.1":
        _refuse("stix-malformed", place, item, "spec_version is 2.1")
    times = () if observable else ("created",) if kind in _UNCHANGING else ("created", "modified")
    for name in times:
        value = item.get(name)
        if not isinstance(value, str) or _TIME.fullmatch(value) is None:
            _refuse("stix-malformed", place, item, f"{name} is a time in UTC")
    if times == ("created", "modified") and _instant(item["modified"]) < _instant(item["created"]):
        _refuse("stix-malformed", place, item, "modified lies before created")


def _instant(text: str) -> tuple[str, str]:
    """Ordered as time: whole seconds, then the fraction with trailing zeros."""
    seconds, _, fraction = text.removesuffix("Z").partition(".")
    return seconds, fraction.ljust(9, "0")


# -- the markings --------------------------------------------------------------------------------------------------------


def _definition(place: int, item: dict[str, Any], label: Label) -> None:
    """A marking's definition: TLP 2.0's are exactly FIRST's, of the alert's label; TLP 1's are refused."""
    identifier = item["id"]
    extensions = item.get("extensions")
    extension = extensions.get(EXTENSION) if isinstance(extensions, dict) else None
    said = extension.get("tlp_2_0") if isinstance(extension, dict) else None
    if identifier in TLP1 or str(item.get("definition_type", "")).lower() == "tlp":
        _refuse("stix-tlp1", place, item, "is a marking of TLP 1, which is never mapped to TLP 2.0")
    wanted = TLP2.get(identifier)
    if wanted is None:
        name = str(item.get("name", "")).strip().upper()
        if extension is not None or name.startswith("TLP"):
            _refuse("stix-marking-false", place, item, "looks like a marking of TLP 2.0 and is none of FIRST's five")
        return
    if said != wanted.value.lower() or item["created"] != _TLP2_CREATED:
        _refuse("stix-marking-false", place, item, f"is the id of {wanted.display} and says something else")
    _agrees(place, item, wanted, label)


def _agrees(place: int, item: dict[str, Any], found: Label, label: Label) -> None:
    if found is label:
        return
    higher = _ORDER.index(found) > _ORDER.index(label)
    code = "stix-higher" if higher else "stix-lower"
    _refuse(code, place, item, f"{found.display} is {'higher' if higher else 'lower'} than {label.display}")


def _markings(place: int, item: dict[str, Any], definitions: set[str], label: Label) -> None:
    """Exactly one marking of TLP 2.0 on every object, equal to the label; those on parts of it say the same."""
    whole = [_reference(place, item, ref, definitions, label) for ref in _references(place, item)]
    for ref in _granular(place, item):
        _reference(place, item, ref, definitions, label)
    number = sum(found is not None for found in whole)
    if number > 1:
        _refuse("stix-two-markings", place, item, "has more than one marking of TLP 2.0")
    if number == 0 and item["type"] != "marking-definition":
        _refuse("stix-unmarked", place, item, f"has no marking; {label.display} stands in object_marking_refs")


def _references(place: int, item: dict[str, Any]) -> list[str]:
    refs = item.get("object_marking_refs", [])
    if not isinstance(refs, list) or ("object_marking_refs" in item and not refs) or len(refs) > MAX_OBJECTS:
        _refuse("stix-malformed", place, item, "object_marking_refs is a list that is not empty")
    return list(refs)


def _granular(place: int, item: dict[str, Any]) -> Iterator[str]:
    """The references of the markings on parts of an object; one of a language has none."""
    marks = item.get("granular_markings", [])
    if not isinstance(marks, list) or ("granular_markings" in item and not marks):
        _refuse("stix-malformed", place, item, "granular_markings is a list that is not empty")
    for mark in marks:
        selectors = mark.get("selectors") if isinstance(mark, dict) else None
        if (
            not isinstance(mark, dict)
            or not mark.keys() <= {"lang", "marking_ref", "selectors"}
            or ("lang" in mark) == ("marking_ref" in mark)
            or not isinstance(selectors, list)
            or not selectors
            or not all(isinstance(s, str) and _SELECTOR.fullmatch(s) for s in selectors)
        ):
            _refuse("stix-malformed", place, item, "a granular marking has selectors and either lang or marking_ref")
        if "marking_ref" in mark:
            yield mark["marking_ref"]


def _reference(place: int, item: dict[str, Any], ref: object, definitions: set[str], label: Label) -> Label | None:
    """One reference to a marking: TLP 2.0's label, or None for another marking."""
    if not isinstance(ref, str) or not _is_id(ref, "marking-definition"):
        _refuse("stix-malformed", place, item, "a reference to a marking is the id of a marking-definition")
    if ref in TLP1:
        _refuse("stix-tlp1", place, item, "is marked with TLP 1, which is never mapped to TLP 2.0")
    found = TLP2.get(ref)
    if found is not None:
        _agrees(place, item, found, label)
    if ref not in definitions:
        _refuse("stix-marking-missing", place, item, f"the definition of {ref} does not travel in the bundle")
    return found
