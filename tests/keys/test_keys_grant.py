"""Grants: the content key of one alert sealed to one more device, and every way in which it must not open."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from keys.device import DeviceIdentity
from keys.errors import BadKey, OpenError
from keys.grant import GrantBinding, grant_tag, open_grant, seal_grant
from keys.kem import STANZA
from keys.seal import shared_secret

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "grant.json").read_text(encoding="ascii"))
WEEK = 202649


def raw(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def binding(fields: dict[str, Any]) -> GrantBinding:
    names = ("core_hash", "parts_digest", "alert", "grant", "device")
    return GrantBinding(*(raw(fields[name]) for name in names), week=fields["week"])


@pytest.mark.parametrize("case", VECTORS["cases"], ids=[case["name"] for case in VECTORS["cases"]])
def test_grant_case(case: dict[str, Any]) -> None:
    opening = {**VECTORS["opening"], **case["change"]}
    if not case["code"]:
        key = open_grant(raw(opening["seed"]), raw(opening["stanza"]), binding(opening))
        assert key == raw(VECTORS["content_key"])
        return
    with pytest.raises(OpenError) as refusal:
        open_grant(raw(opening["seed"]), raw(opening["stanza"]), binding(opening))
    assert refusal.value.code == case["code"]


def test_the_tag_of_the_vectors_is_the_grantees_and_nobody_elses() -> None:
    tag = grant_tag(shared_secret(raw(VECTORS["scan_secret"]), raw(VECTORS["ephemeral"])), raw(VECTORS["ephemeral"]))
    assert tag == raw(VECTORS["tag"]) != raw(VECTORS["tag_of_another_device"])


def test_a_grant_opens_for_its_device_and_its_tag_is_found_from_the_entry_alone() -> None:
    _, _, device = DeviceIdentity.create().new_epochs([WEEK])
    bound = GrantBinding(b"c" * 32, b"p" * 32, b"a" * 32, b"g" * 16, device.device, WEEK)
    made = seal_grant(b"k" * 32, bound, device.epoch_key(WEEK).raw, device.scan)
    assert len(made.stanza) == STANZA and device.grant_tag(made.ephemeral) == made.tag
    assert open_grant(device.epoch_seed(WEEK), made.stanza, bound) == b"k" * 32
    again = seal_grant(b"k" * 32, bound, device.epoch_key(WEEK).raw, device.scan)
    assert again.ephemeral != made.ephemeral and again.tag != made.tag
    assert "kkkk" not in repr(made)


def test_lengths_and_bad_keys_are_refused_before_anything_is_sealed() -> None:
    _, _, device = DeviceIdentity.create().new_epochs([WEEK])
    bound = GrantBinding(b"c" * 32, b"p" * 32, b"a" * 32, b"g" * 16, device.device, WEEK)
    epoch = device.epoch_key(WEEK).raw
    with pytest.raises(ValueError, match="32 bytes"):
        seal_grant(b"k" * 31, bound, epoch, device.scan)
    for key, scan in ((epoch[:-1], device.scan), (epoch, bytes(32)), (epoch, device.scan[:-1])):
        with pytest.raises(BadKey):
            seal_grant(b"k" * 32, bound, key, scan)
    with pytest.raises(ValueError, match="32 bytes"):
        GrantBinding(b"c" * 31, b"p" * 32, b"a" * 32, b"g" * 16, device.device, WEEK)
    with pytest.raises(ValueError, match="16 bytes"):
        GrantBinding(b"c" * 32, b"p" * 32, b"a" * 32, b"g" * 15, device.device, WEEK)
    with pytest.raises(OpenError):
        device.grant_tag(bytes(32))
