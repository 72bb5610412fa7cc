"""A device's identity: weekly keys, their destruction, storage, and what is published of it."""

import hashlib
from typing import Any

import pytest

from keys.device import GRACE, MAX_EPOCHS, DeviceIdentity
from keys.encoding import decode, encode, next_week, unb64u, week_range
from keys.errors import EncodingError, KeyFileError, OpenError
from keys.verify import SigningPublicKey, check_epoch_key, check_scan_key, check_signing_key, verify_possession


def weeks(first: int, count: int) -> list[int]:
    found = [first]
    while len(found) < count:
        found.append(next_week(found[-1]))
    return found


def test_a_new_device_publishes_keys_that_may_be_enrolled() -> None:
    device = DeviceIdentity.create()
    request = device.request()
    assert unb64u(request["device"], length=16) == device.device
    check_signing_key(SigningPublicKey.from_json(request["signing"]))
    check_scan_key(unb64u(request["scan"]))


def test_possession_verifies_for_the_person_it_was_made_for(reader: DeviceIdentity) -> None:
    facts: dict[str, Any] = {"exchange": "ab" * 32, "organisation": b"o" * 16, "person": b"p" * 16}
    proof = reader.possession(**facts)
    verify_possession(
        **facts,
        device=reader.device,
        signing=reader.public,
        scan=reader.scan,
        ed25519=unb64u(proof["ed25519"]),
        mldsa65=unb64u(proof["mldsa65"]),
    )


def test_bundle_is_the_keys_of_ascending_weeks() -> None:
    device = DeviceIdentity.create()
    wanted = weeks(202652, 9)
    bundle, keys, updated = device.new_epochs(reversed(wanted))
    assert [week for week, _ in keys] == wanted
    assert wanted[1:3] == [202653, 202701]
    assert len(bundle) == 9 * 1216
    for number, (week, digest) in enumerate(keys):
        raw = bundle[number * 1216 : (number + 1) * 1216]
        assert hashlib.sha256(raw).hexdigest() == digest
        assert check_epoch_key(raw) == updated.epoch_key(week)
    assert device.epochs == {}  # the old value is untouched
    assert updated.bundle(wanted) == (bundle, keys)  # what was interrupted can be published again


def test_a_week_gets_one_key_only(reader: DeviceIdentity) -> None:
    with pytest.raises(ValueError, match="already"):
        reader.new_epochs([202648])
    with pytest.raises(ValueError, match="already"):
        reader.new_epochs([202701, 202701])
    with pytest.raises(EncodingError):
        reader.new_epochs([202699])
    with pytest.raises(ValueError, match="at most"):
        reader.new_epochs(weeks(202701, MAX_EPOCHS))


def test_seeds_of_a_bundle_are_independent() -> None:
    _, _, device = DeviceIdentity.create().new_epochs(weeks(202648, 10))
    assert len(set(device.epochs.values())) == 10


def test_expired_seeds_are_destroyed_after_two_weeks_of_grace(reader: DeviceIdentity) -> None:
    end = week_range(202648)[1]
    assert reader.destroy_expired(end + GRACE - 1).epochs == reader.epochs
    later = reader.destroy_expired(end + GRACE)
    assert list(later.epochs) == [202649]
    with pytest.raises(OpenError) as refusal:
        later.epoch_seed(202648)
    assert refusal.value.code == "no-epoch-key"
    assert list(reader.destroy_expired(end + 10 * GRACE).epochs) == []


def test_identity_is_read_back_from_its_stored_form(reader: DeviceIdentity) -> None:
    again = DeviceIdentity.decode(reader.encode())
    assert again == reader
    assert again.encode() == reader.encode()
    assert again.public == reader.public
    assert again.scan == reader.scan


def test_identity_of_a_malformed_file_is_refused(reader: DeviceIdentity) -> None:
    good = decode(reader.encode(), max_bytes=10_000)
    changes: list[dict[str, Any]] = [
        {"format": "tlp-exchange-device/v2"},
        {"device": "AA"},
        {"epochs": {}},
        {"epochs": [1]},
        {"epochs": good["epochs"][::-1]},
        {"epochs": [good["epochs"][0], good["epochs"][0]]},
        {"epochs": [{"seed": good["epochs"][0]["seed"], "week": 202699}]},
        {"epochs": [{"seed": "AA", "week": 202648}]},
        {"epochs": [{"seed": good["epochs"][0]["seed"], "week": True}]},
        {"signing": "x"},
        {"signing": {"ed25519": good["signing"]["ed25519"]}},
        {"scan": 1},
        {"more": 1},
    ]
    for change in changes:
        with pytest.raises(KeyFileError) as refusal:
            DeviceIdentity.decode(encode({**good, **change}))
        assert refusal.value.code == "bad-identity"
    for data in (b"", b"[]", b"{}", reader.encode() + b" "):
        with pytest.raises(KeyFileError):
            DeviceIdentity.decode(data)


def test_attack_low_order_ephemeral_key(reader: DeviceIdentity) -> None:
    for bad in (bytes(32), b"\x01" + bytes(31), b"short"):
        with pytest.raises(OpenError) as refusal:
            reader.tag(bad, b"a" * 16, 1)
        assert refusal.value.code == "bad-ephemeral"


def test_identity_cannot_be_changed_in_place(reader: DeviceIdentity) -> None:
    with pytest.raises(TypeError):
        reader.epochs[202650] = bytes(32)  # type: ignore[index]
    with pytest.raises(AttributeError):
        reader.scan_secret = bytes(32)  # type: ignore[misc]
    with pytest.raises(ValueError, match="16 bytes"):
        DeviceIdentity(b"short", reader.signer, bytes(32), bytes(32), {})
