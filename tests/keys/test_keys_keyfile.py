"""Key files and the vault: creation, update, loose permissions, hostile files."""

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from keys import keyfile
from keys.encoding import b64u, decode, encode
from keys.errors import KeyFileError, OpenError
from keys.keyfile import Cost, SecretFile, Vault, create_secret, read_secret, update_secret

CHEAP = Cost(1, 8192)
WORDS = "correct horse battery"


def code_of(action: Any) -> str:
    with pytest.raises(KeyFileError) as refusal:
        action()
    return refusal.value.code


@pytest.fixture
def made(tmp_path: Path) -> SecretFile:
    return create_secret(
        tmp_path / "device.key", kind="device", identity="ab" * 32, secret=b"secret", passphrase=WORDS, cost=CHEAP
    )


def altered(made: SecretFile, **changes: Any) -> Path:
    """Write the file again with one field changed."""
    made.path.write_bytes(encode({**decode(made.path.read_bytes(), max_bytes=10_000), **changes}))
    return made.path


def test_a_key_file_is_private_and_opens_with_its_passphrase(made: SecretFile) -> None:
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
    opened = read_secret(made.path, WORDS, kind="device")
    assert (opened.secret, opened.identity, opened.kind) == (b"secret", "ab" * 32, "device")
    assert b"secret" not in made.path.read_bytes().replace(b'"secret"', b"")
    assert "b'secret'" not in repr(opened)


def test_nothing_precious_is_overwritten(made: SecretFile) -> None:
    before = made.path.read_bytes()
    again = {"kind": "device", "identity": "cd", "secret": b"other", "passphrase": WORDS, "cost": CHEAP}
    assert code_of(lambda: create_secret(made.path, **again)) == "exists"
    assert made.path.read_bytes() == before


def test_wrong_passphrase_and_wrong_kind_are_refused(made: SecretFile) -> None:
    assert code_of(lambda: read_secret(made.path, WORDS + "x")) == "wrong-passphrase"
    assert code_of(lambda: read_secret(made.path, WORDS, kind="registrar")) == "wrong-kind"
    assert code_of(lambda: read_secret(made.path, "x" * 2000)) == "bad-passphrase"


def test_one_word_typed_on_two_keyboards_opens_the_file(tmp_path: Path) -> None:
    path = tmp_path / "k"
    create_secret(path, kind="device", identity="x", secret=b"s", passphrase="Schlu\u0308ssel", cost=CHEAP)
    assert read_secret(path, "Schl\u00fcssel").secret == b"s"


def test_short_passphrase_and_bad_names_are_refused(tmp_path: Path) -> None:
    good = {"kind": "device", "identity": "x", "secret": b"", "passphrase": WORDS, "cost": CHEAP}
    assert code_of(lambda: create_secret(tmp_path / "k", **{**good, "passphrase": "short"})) == "bad-passphrase"
    assert code_of(lambda: create_secret(tmp_path / "k", **{**good, "kind": "../x"})) == "bad-name"
    assert code_of(lambda: create_secret(tmp_path / "k", **{**good, "identity": "a b"})) == "bad-name"
    assert code_of(lambda: create_secret(tmp_path / "none" / "k", **good)) == "not-writable"
    assert list(tmp_path.iterdir()) == []


def test_attack_header_altered_under_the_passphrase(made: SecretFile) -> None:
    assert code_of(lambda: read_secret(altered(made, identity="cd" * 32), WORDS)) == "wrong-passphrase"


def test_attack_kind_altered_under_the_passphrase(made: SecretFile) -> None:
    assert code_of(lambda: read_secret(altered(made, kind="registrar"), WORDS)) == "wrong-passphrase"


def test_attack_file_that_demands_unreasonable_work(made: SecretFile) -> None:
    kdf = decode(made.path.read_bytes(), max_bytes=10_000)["kdf"]
    for change in ({"memory": 100 * 2**30}, {"operations": 10**6}, {"operations": 0}, {"memory": 0}, {"memory": -1}):
        assert code_of(lambda change=change: read_secret(altered(made, kdf={**kdf, **change}), WORDS)) == "bad-cost"


def test_a_malformed_file_is_refused(made: SecretFile) -> None:
    kdf = decode(made.path.read_bytes(), max_bytes=10_000)["kdf"]
    changes: list[dict[str, Any]] = [
        {"format": "tlp-exchange-key-file/v2"},
        {"aead": "none"},
        {"kdf": "argon2id"},
        {"kdf": {**kdf, "name": "md5"}},
        {"kdf": {**kdf, "memory": "8192"}},
        {"kdf": {**kdf, "operations": True}},
        {"kdf": {**kdf, "salt": "AA"}},
        {"kdf": {**kdf, "more": 1}},
        {"nonce": "AA"},
        {"secret": 1},
        {"secret": "Q"},
        {"kind": 1},
        {"identity": ""},
        {"more": 1},
    ]
    original = made.path.read_bytes()
    for change in changes:
        made.path.write_bytes(original)
        path = altered(made, **change)
        assert code_of(lambda path=path: read_secret(path, WORDS)) == "bad-file"
    for data in (b"", b"{}", original[:-1], original + b"\n", json.dumps(json.loads(original)).encode()):
        made.path.write_bytes(data)
        assert code_of(lambda: read_secret(made.path, WORDS)) == "bad-file"
    made.path.write_bytes(b"x" * (keyfile.MAX_FILE + 1))
    assert code_of(lambda: read_secret(made.path, WORDS)) == "bad-file"


@pytest.mark.parametrize(
    ("short", "code"), [(b"", "bad-file"), (bytes(15), "bad-file"), (bytes(16), "wrong-passphrase")]
)
def test_a_secret_cut_short_is_refused(made: SecretFile, short: bytes, code: str) -> None:
    assert code_of(lambda: read_secret(altered(made, secret=b64u(short)), WORDS)) == code


def test_loose_permissions_are_refused(made: SecretFile) -> None:
    for mode in (0o640, 0o604, 0o660, 0o777):
        made.path.chmod(mode)
        assert code_of(lambda: read_secret(made.path, WORDS)) == "permissions-loose"


def test_what_is_not_a_file_is_refused_without_hanging(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name in ("pipe", "absent", "."):
        assert code_of(lambda name=name: read_secret(tmp_path / name, WORDS)) == "not-readable"


def test_update_keeps_identity_and_passphrase(made: SecretFile) -> None:
    before = made.path.read_bytes()
    updated = made.update(b"new").update(b"newer")
    assert updated.secret == b"newer"
    opened = read_secret(made.path, WORDS, kind="device")
    assert (opened.secret, opened.identity) == (b"newer", "ab" * 32)
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
    assert [path.name for path in made.path.parent.iterdir()] == ["device.key"]
    first, second = (decode(data, max_bytes=10_000)["nonce"] for data in (before, made.path.read_bytes()))
    assert first != second


def test_update_does_not_undo_what_another_program_wrote(made: SecretFile) -> None:
    update_secret(made.path, WORDS, b"by another")
    assert code_of(lambda: made.update(b"by us")) == "changed-meanwhile"
    assert read_secret(made.path, WORDS).secret == b"by another"


def test_update_that_fails_leaves_the_old_file_whole(made: SecretFile, monkeypatch: pytest.MonkeyPatch) -> None:
    before = made.path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "no space left on device")

    for step in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(keyfile.os, step, full)
            with pytest.raises(OSError, match="no space"):
                made.update(b"new")
        assert made.path.read_bytes() == before
        assert [path.name for path in made.path.parent.iterdir()] == ["device.key"]


def test_creation_that_fails_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "no space left on device")

    monkeypatch.setattr(keyfile.os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        keyfile.create_file(tmp_path / "k", b"data")
    assert list(tmp_path.iterdir()) == []


def test_a_secret_too_large_for_a_file_is_refused(made: SecretFile) -> None:
    assert code_of(lambda: made.update(bytes(keyfile.MAX_FILE))) == "bad-file"


def test_vault_binds_a_value_to_its_name(made: SecretFile) -> None:
    vault = Vault(b"v" * 32)
    box = vault.seal("state", b"value")
    assert vault.open("state", box) == b"value"
    assert len(box) == len(b"value") + 40
    assert vault.seal("state", b"value") != box
    for name, data in (("other", box), ("state", box[:-1]), ("state", b""), ("state", box[:24]), ("state", b"x" + box)):
        with pytest.raises(OpenError):
            vault.open(name, data)
    with pytest.raises(OpenError):
        Vault(b"w" * 32).open("state", box)
    with pytest.raises(ValueError, match="32 bytes"):
        Vault(b"short")


def test_devices_and_registrars_pay_the_cost_that_is_written() -> None:
    assert (keyfile.INTERACTIVE.memory, keyfile.MODERATE.memory) == (64 * 2**20, 256 * 2**20)
