"""A STIX bundle and the label it travels under: only what agrees is let through."""

from __future__ import annotations

import json
from typing import Any

import pytest

from exchange.content.stix import EXTENSION, MAX_DEPTH, TLP1, TLP2, StixRefusal, check_bundle, is_stix
from exchange.model.tlp import Label

INDICATOR = "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"
IDS = {label: identifier for identifier, label in TLP2.items()}


def definition(label: Label, **changes: Any) -> dict[str, Any]:
    return {
        "created": "2022-10-01T00:00:00.000Z",
        "extensions": {EXTENSION: {"extension_type": "property-extension", "tlp_2_0": label.value.lower()}},
        "id": IDS[label],
        "name": label.display,
        "spec_version": "2.1",
        "type": "marking-definition",
        **changes,
    }


def indicator(label: Label | None, **changes: Any) -> dict[str, Any]:
    found = {
        "created": "2026-11-20T10:00:00.000Z",
        "id": INDICATOR,
        "modified": "2026-11-20T10:00:00.000Z",
        "pattern": "[ipv4-addr:value = '198.51.100.7']",
        "pattern_type": "stix",
        "spec_version": "2.1",
        "type": "indicator",
        "valid_from": "2026-11-20T10:00:00Z",
    }
    if label is not None:
        found["object_marking_refs"] = [IDS[label]]
    return found | changes


def bundle(*objects: Any, **changes: Any) -> bytes:
    raw = {"id": "bundle--44af6c39-c09b-49c5-9de2-394224b04982", "objects": list(objects), "type": "bundle"}
    return json.dumps(raw | changes).encode()


def refused(data: bytes, label: Label = Label.AMBER) -> StixRefusal:
    with pytest.raises(StixRefusal) as caught:
        check_bundle(data, label)
    return caught.value


@pytest.mark.parametrize("label", list(Label))
def test_a_bundle_marked_as_the_label_is_let_through(label: Label):
    address = {"id": "ipv4-addr--ff26c055-6336-5bc5-b98d-13d6226742dd", "type": "ipv4-addr", "value": "198.51.100.7"}
    found = check_bundle(
        bundle(definition(label), indicator(label), address | {"object_marking_refs": [IDS[label]]}), label
    )
    assert (found.label, found.types, found.objects) == (label, (("indicator", 1), ("ipv4-addr", 1)), 2)


ORDER = [Label.CLEAR, Label.GREEN, Label.AMBER, Label.AMBER_STRICT, Label.RED]


@pytest.mark.parametrize("label", list(Label))
@pytest.mark.parametrize("marked", list(Label))
def test_a_stix_bundle_whose_marking_is_higher_or_lower_than_the_label(label: Label, marked: Label):
    if marked is label:
        return
    code = "stix-higher" if ORDER.index(marked) > ORDER.index(label) else "stix-lower"
    whole = refused(bundle(definition(marked), indicator(marked)), label)
    assert whole.code == code
    one = refused(bundle(definition(label), indicator(label), indicator(marked, id=INDICATOR[:-1] + "0")), label)
    assert one.code == code and "object 2" in one.detail and INDICATOR[:-1] + "0" in one.detail
    part = {"granular_markings": [{"marking_ref": IDS[marked], "selectors": ["pattern"]}]}
    assert refused(bundle(definition(label), indicator(label, **part)), label).code == code


def test_a_stix_bundle_with_a_spare_definition_of_another_label():
    assert refused(bundle(definition(Label.AMBER), definition(Label.RED), indicator(Label.AMBER))).code == "stix-higher"


def test_an_object_without_a_marking():
    assert refused(bundle(definition(Label.AMBER), indicator(None))).code == "stix-unmarked"
    part = {"granular_markings": [{"marking_ref": IDS[Label.AMBER], "selectors": ["pattern"]}]}
    assert refused(bundle(definition(Label.AMBER), indicator(None, **part))).code == "stix-unmarked"


def test_an_object_with_two_markings():
    both = indicator(Label.AMBER, object_marking_refs=[IDS[Label.AMBER], IDS[Label.AMBER]])
    assert refused(bundle(definition(Label.AMBER), both)).code == "stix-two-markings"


@pytest.mark.parametrize("identifier", sorted(TLP1))
def test_a_tlp_1_marking_is_never_mapped(identifier: str):
    old = {
        "created": "2017-01-20T00:00:00.000Z",
        "definition": {"tlp": "amber"},
        "definition_type": "tlp",
        "id": identifier,
        "spec_version": "2.1",
        "type": "marking-definition",
    }
    both = indicator(Label.AMBER, object_marking_refs=[IDS[Label.AMBER], identifier])
    assert refused(bundle(definition(Label.AMBER), both)).code == "stix-tlp1"
    assert refused(bundle(definition(Label.AMBER), old, indicator(Label.AMBER))).code == "stix-tlp1"
    new = {**old, "id": "marking-definition--11111111-1111-4111-8111-111111111111"}
    assert refused(bundle(definition(Label.AMBER), new, indicator(Label.AMBER))).code == "stix-tlp1"


def test_a_marking_whose_definition_stayed_at_home():
    assert refused(bundle(indicator(Label.AMBER))).code == "stix-marking-missing"
    other = "marking-definition--11111111-1111-4111-8111-111111111111"
    both = indicator(Label.AMBER, object_marking_refs=[IDS[Label.AMBER], other])
    assert refused(bundle(definition(Label.AMBER), both)).code == "stix-marking-missing"


@pytest.mark.parametrize(
    "changes",
    [
        {"extensions": {EXTENSION: {"extension_type": "property-extension", "tlp_2_0": "clear"}}},
        {"extensions": {}},
        {"created": "2023-10-01T00:00:00.000Z"},
        {"id": "marking-definition--11111111-1111-4111-8111-111111111111"},
        {"extensions": {}, "name": "tlp:clear", "id": "marking-definition--11111111-1111-4111-8111-111111111111"},
    ],
)
def test_a_definition_that_says_something_else_than_its_id(changes: dict[str, Any]):
    false = definition(Label.AMBER, **changes)
    assert refused(bundle(false, indicator(Label.AMBER))).code == "stix-marking-false"


def test_another_marking_beside_the_label_is_no_matter_when_its_definition_travels():
    other = {
        "created": "2026-01-01T00:00:00Z",
        "definition": {"statement": "Copyright"},
        "definition_type": "statement",
        "id": "marking-definition--11111111-1111-4111-8111-111111111111",
        "spec_version": "2.1",
        "type": "marking-definition",
    }
    both = indicator(Label.AMBER, object_marking_refs=[IDS[Label.AMBER], other["id"]])
    assert check_bundle(bundle(definition(Label.AMBER), other, both), Label.AMBER).objects == 1


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"type":"bundle","type":"bundle"}',
        b"[" * 100_000,
        bundle(),
        bundle(1),
        bundle(definition(Label.AMBER), spec_version="2.0"),
        bundle(definition(Label.AMBER), id="bundle--1"),
        bundle(definition(Label.AMBER), indicator(Label.AMBER, id="malware--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f")),
        bundle(definition(Label.AMBER), indicator(Label.AMBER, spec_version="2.0")),
        bundle(definition(Label.AMBER), indicator(Label.AMBER, created="gestern")),
        bundle(definition(Label.AMBER), indicator(Label.AMBER, modified="2026-11-20T09:59:59.9999Z")),
        bundle(definition(Label.AMBER), indicator(Label.AMBER), indicator(Label.AMBER)),
        bundle(definition(Label.AMBER), indicator(Label.AMBER, object_marking_refs=[])),
        bundle(definition(Label.AMBER), indicator(Label.AMBER, object_marking_refs=[1])),
        bundle(definition(Label.AMBER), indicator(Label.AMBER, granular_markings=[{"selectors": ["x"]}])),
        bundle(definition(Label.AMBER), indicator(Label.AMBER, x=float("nan"))),
        bundle(definition(Label.AMBER), indicator(Label.AMBER, **{"a\x1b[2J": 1})),
        bundle(definition(Label.AMBER), indicator(Label.AMBER, x=json.loads("[" * MAX_DEPTH + "]" * MAX_DEPTH))),
    ],
    ids=range(20),
)
def test_what_is_not_a_bundle_is_refused_whole(data: bytes):
    assert refused(data).code == "stix-malformed"


def test_a_bundle_is_known_by_its_media_type():
    assert is_stix("application/stix+json;version=2.1") and is_stix("application/stix+json")
    assert not is_stix("application/json")
