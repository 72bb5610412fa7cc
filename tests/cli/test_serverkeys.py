"""The server's own keys: private, never overwritten, from the data folder or from systemd's credentials."""

import os
from pathlib import Path

import pytest

from exchange import serverkeys
from exchange.serverkeys import ServerKeysError
from keys.errors import NoteError
from tests.support.world import Randomness

ORIGIN = "exchange.example"


def _code(call, *arguments) -> str:
    with pytest.raises(ServerKeysError) as error:
        call(*arguments)
    return error.value.code


def test_keys_come_back_as_they_were_written_and_the_file_is_private(tmp_path: Path) -> None:
    keys = serverkeys.generate(ORIGIN, Randomness())
    path = serverkeys.write(tmp_path, keys)
    assert path.stat().st_mode & 0o777 == 0o600
    assert serverkeys.load(tmp_path, {}).public_json() == keys.public_json()
    assert keys.registry.origin == "exchange.example/registry" and keys.journal.origin == "exchange.example/journal"


def test_keys_are_never_overwritten(tmp_path: Path) -> None:
    serverkeys.write(tmp_path, serverkeys.generate(ORIGIN, Randomness("one")))
    before = (tmp_path / serverkeys.FILE).read_bytes()
    assert _code(serverkeys.write, tmp_path, serverkeys.generate(ORIGIN, Randomness("two"))) == "keys-exist"
    assert (tmp_path / serverkeys.FILE).read_bytes() == before


def test_a_key_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = serverkeys.write(tmp_path, serverkeys.generate(ORIGIN, Randomness()))
    os.chmod(path, 0o640)
    assert _code(serverkeys.load, tmp_path, {}) == "permissions-loose"


def test_a_systemd_credential_comes_before_the_data_folder(tmp_path: Path) -> None:
    (tmp_path / "credentials").mkdir()
    (tmp_path / "data").mkdir()
    credential = serverkeys.generate(ORIGIN, Randomness("credential"))
    (tmp_path / "credentials" / serverkeys.CREDENTIAL).write_bytes(credential.encode())
    serverkeys.write(tmp_path / "data", serverkeys.generate(ORIGIN, Randomness("file")))
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")}
    assert serverkeys.load(tmp_path / "data", environ).public_json() == credential.public_json()


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"format":"tlp-exchange-server-keys/v1"}', b"\xff"])
def test_a_damaged_key_file_is_named_as_such(tmp_path: Path, data: bytes) -> None:
    (tmp_path / serverkeys.FILE).write_bytes(data)
    (tmp_path / serverkeys.FILE).chmod(0o600)
    assert _code(serverkeys.load, tmp_path, {}) == "keys-malformed"


def test_missing_keys_say_what_makes_them(tmp_path: Path) -> None:
    with pytest.raises(ServerKeysError, match="exchange init") as error:
        serverkeys.load(tmp_path, {})
    assert error.value.code == "keys-missing"


def test_the_pin_is_one_exchange_id(tmp_path: Path) -> None:
    serverkeys.pin(tmp_path, "a" * 64)
    assert serverkeys.pinned(tmp_path) == "a" * 64
    assert _code(serverkeys.pin, tmp_path, "b" * 64) == "keys-exist"
    (tmp_path / serverkeys.PIN).write_text("not an id\n")
    assert _code(serverkeys.pinned, tmp_path) == "keys-malformed"


def test_no_representation_shows_a_secret() -> None:
    keys = serverkeys.generate(ORIGIN, Randomness())
    secrets = [keys.statement.seed, keys.journal.ed25519_seed, keys.registry.mldsa44_seed]
    assert not [s for s in secrets if s.hex() in repr(keys) or repr(s)[2:-1] in repr(keys)]


def test_an_origin_that_cannot_name_a_log_is_refused() -> None:
    with pytest.raises(NoteError):
        serverkeys.generate("exchange example")
