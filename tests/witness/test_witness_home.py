"""A witness's folder: the logs it knows, its card, what is never overwritten."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from exchange.model.registry import NamedWitness
from exchange.witness.errors import WitnessError
from exchange.witness.home import add_logs, create_home, open_home, read_logs
from exchange.witness.loglist import format_logs, logs_of, parse_logs, with_logs
from keys.encoding import b64u
from keys.errors import KeyFileError
from keys.note import ED25519, MLDSA44_COSIGNATURE, log_verifiers, vkey
from tests.support.witnessing import NAME, Log, found
from tests.support.world import World

LOG = Log().known
OTHER = Log("exchange.example/registry", b"2" * 32).known


def keys_of(origin: str = LOG.origin) -> tuple[str, str]:
    ed25519, mldsa44 = (vkey(origin, verifier.type, verifier.key) for verifier in log_verifiers(origin, LOG.key))
    return ed25519, mldsa44


def refused(data: str) -> str:
    with pytest.raises(WitnessError) as caught:
        parse_logs(data.encode())
    return caught.value.code


def test_what_is_written_is_read() -> None:
    assert parse_logs(format_logs([OTHER, LOG])) == {LOG.origin: LOG, OTHER.origin: OTHER}
    assert parse_logs(format_logs([])) == {}


def test_comments_order_and_the_fields_of_others_are_read_over() -> None:
    ed25519, mldsa44 = keys_of()
    text = f"# ours\n\nlogs/v0\n\nvkey {mldsa44}\nqpd 86400\ncontact somebody else\n\nvkey {ed25519}\norigin {LOG.origin}\n"
    assert parse_logs(text.encode()) == {LOG.origin: LOG}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "logs/v1\n",
        "vkey x\n",
        "logs/v0\nvkey\n",
        "logs/v0\nvkey x+y\n",
        "logs/v0\nvkex {0}\n",
        "logs/v0\nvkey {0} \n",
        "logs/v0\r\nvkey {0}\r\n",
        "logs/v0\nvkey {0}\nvkey {1}\norigin elsewhere.example\n",
        "logs/v0\norigin exchange.example/journal\n",
    ],
)
def test_a_list_with_a_mistake_is_refused(text: str) -> None:
    assert refused(text.format(*keys_of())) == "log-list-malformed"


@pytest.mark.parametrize("which", [0, 1])
def test_half_a_log_is_no_log(which: int) -> None:
    assert refused(f"logs/v0\nvkey {keys_of()[which]}\n") == "log-keys-missing"


def test_a_log_has_one_key_of_each_type() -> None:
    second = vkey(LOG.origin, ED25519, OTHER.key.ed25519)
    assert refused(f"logs/v0\nvkey {keys_of()[0]}\nvkey {second}\n") == "log-list-malformed"
    cosigner = vkey(LOG.origin, 0x04, LOG.key.ed25519)
    assert refused(f"logs/v0\nvkey {cosigner}\n") == "log-list-malformed"


def test_a_key_that_is_no_point_is_refused() -> None:
    wrong = vkey(LOG.origin, ED25519, b"\x01" + bytes(31))
    right = vkey(LOG.origin, MLDSA44_COSIGNATURE, LOG.key.mldsa44)
    assert refused(f"logs/v0\nvkey {wrong}\nvkey {right}\n") == "log-list-malformed"


def test_a_known_log_never_gets_other_keys() -> None:
    assert with_logs({LOG.origin: LOG}, [LOG, OTHER]).keys() == {LOG.origin, OTHER.origin}
    with pytest.raises(WitnessError) as caught:
        with_logs({LOG.origin: LOG}, [Log(seed=b"3" * 32).known])
    assert caught.value.code == "log-differs"


def test_both_logs_of_a_founding_that_has_the_id_named() -> None:
    world = World()
    founding = world.founding().envelope
    logs = {log.origin: log for log in logs_of(founding, founding.statement_id)}
    assert {origin.rpartition("/")[2] for origin in logs} == {"journal", "registry"}
    assert logs[f"{world.server.origin}/journal"].key == world.server.journal.public
    with pytest.raises(WitnessError) as caught:
        logs_of(founding, "00" * 32)
    assert caught.value.code == "other-exchange"


def test_a_new_witness_has_a_key_a_card_its_logs_and_an_empty_memory(tmp_path: Path) -> None:
    signer, named = create_home(tmp_path / "w", NAME, "https://witness.example/c2sp", [LOG])
    home = open_home(tmp_path / "w", {})
    assert home.signer == signer and home.logs == {LOG.origin: LOG}
    assert {path.name for path in (tmp_path / "w").iterdir()} == {
        "witness.key",
        "witness.json",
        "logs",
        "witness.sqlite",
    }
    card = json.loads((tmp_path / "w" / "witness.json").read_text())
    assert card == {
        "ed25519": b64u(signer.verifiers[0].key),
        "mldsa44": b64u(signer.verifiers[1].key),
        "name": NAME,
        "url": "https://witness.example/c2sp",
    }
    assert NamedWitness.model_validate(card) == named
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "w").iterdir()}
    assert modes["witness.key"] == modes["witness.sqlite"] == 0o600
    assert (tmp_path / "w").stat().st_mode & 0o777 == 0o700


def test_nothing_of_a_witness_is_overwritten(tmp_path: Path) -> None:
    signer = found(tmp_path, [LOG])
    with pytest.raises(WitnessError) as caught:
        create_home(tmp_path, "other.example", "https://other.example", [])
    assert caught.value.code == "witness-exists" and open_home(tmp_path, {}).signer == signer


@pytest.mark.parametrize(
    ("name", "url", "code"),
    [
        ("Witness.example", "https://witness.example", "card-malformed"),
        ("witness.example", "witness.example", "card-malformed"),
        ("witness.example", "https://witness.example/", "card-malformed"),
        (LOG.origin, "https://witness.example", "witness-is-log"),
    ],
)
def test_a_card_that_no_registry_takes_is_not_made(tmp_path: Path, name: str, url: str, code: str) -> None:
    with pytest.raises(WitnessError) as caught:
        create_home(tmp_path / "w", name, url, [LOG])
    assert caught.value.code == code and not (tmp_path / "w").exists()


def test_logs_are_added_and_the_others_stay(tmp_path: Path) -> None:
    found(tmp_path, [LOG])
    assert add_logs(tmp_path, [OTHER]) == read_logs(tmp_path) == {LOG.origin: LOG, OTHER.origin: OTHER}


def test_the_key_comes_from_the_credentials_of_systemd_when_they_are_there(tmp_path: Path) -> None:
    signer = found(tmp_path / "w", [LOG])
    (tmp_path / "credentials").mkdir()
    (tmp_path / "w" / "witness.key").rename(tmp_path / "credentials" / "witness.key")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")}
    assert open_home(tmp_path / "w", environ).signer == signer
    with pytest.raises(WitnessError) as caught:
        open_home(tmp_path / "w", {})
    assert caught.value.code == "witness-missing"


def test_another_folder_and_a_key_for_everybody_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WitnessError) as caught:
        open_home(tmp_path, {})
    assert caught.value.code == "witness-missing"
    found(tmp_path, [LOG])
    (tmp_path / "witness.key").chmod(0o644)
    with pytest.raises(KeyFileError):
        open_home(tmp_path, {})
