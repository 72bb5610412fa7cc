"""``exchange witness`` as a member runs it: from the founding file to a cosigned checkpoint, in processes of their own."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from hashlib import sha256
from pathlib import Path

import pytest

from exchange import serverkeys
from exchange.model.registry import NamedWitness
from exchange.tlog.checkpoint import Checkpoint
from exchange.tlog.merkle import EMPTY_ROOT
from exchange.tlog.witness_request import format_request
from exchange.witness.home import read_logs
from exchange.witness.loglist import format_logs
from keys.note import Note, parse_vkey, sign_checkpoint, verify_note
from keys.verify import LogPublicKey, witness_fingerprint
from tests.cli.flow import Office, background, exchange, found

NAME, URL = "witness.kammer.example", "https://witness.kammer.example"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    return found(tmp_path_factory.mktemp("office"))


def make(office: Office, home: Path, *more: str | Path) -> list[str]:
    made = exchange(
        "witness", "init", "--home", home, "--name", NAME, "--url", URL, *more, office.folder / "founding.json",
        "--exchange", office.exchange,
    )  # fmt: skip
    shown = json.loads((home / "witness.json").read_text())
    digits = witness_fingerprint(LogPublicKey.from_json({k: shown[k] for k in ("ed25519", "mldsa44")}))
    assert f"read out by telephone when the registrars ask: {digits}" in made.err
    assert "it knows 2 logs" in made.err and f"hint: give {home / 'witness.json'}" in made.err
    return made.out.splitlines()


def test_a_member_makes_a_witness_and_it_cosigns_the_logs_of_the_founding(office: Office, tmp_path: Path) -> None:
    home = tmp_path / "w"
    verifiers = [parse_vkey(line) for line in make(office, home)]
    assert NamedWitness.model_validate(json.loads((home / "witness.json").read_text())).name == NAME
    keys = serverkeys.load(office.folder / "server", {})
    text = Checkpoint("exchange.example/journal", 0, EMPTY_ROOT).text()
    with background(tmp_path / "log", "witness", "serve", "--home", home, "--port", "0") as url:
        body = format_request(0, (), sign_checkpoint(text, keys.journal, 1_796_000_000))
        with urllib.request.urlopen(urllib.request.Request(f"{url}/add-checkpoint", data=body)) as answer:
            lines = answer.read()
        assert len(verify_note(Note.parse(text.encode() + b"\n" + lines), verifiers)) == 2
        digest = sha256(b"exchange.example/journal").hexdigest()
        with urllib.request.urlopen(f"{url}/{digest}/checkpoint") as answer:
            assert answer.read().endswith(lines)
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{url}/{sha256(b'exchange.example/registry').hexdigest()}/checkpoint")
        assert caught.value.code == 404
        caught.value.close()


def test_a_second_init_overwrites_nothing(office: Office, tmp_path: Path) -> None:
    make(office, tmp_path / "w")
    again = exchange("witness", "init", "--home", tmp_path / "w", "--name", NAME, "--url", URL, check=False)
    assert again.status == 1 and "[witness-exists]" in again.err


def test_a_founding_counts_only_with_the_id_that_was_told(office: Office, tmp_path: Path) -> None:
    words = ["witness", "init", "--home", tmp_path / "w", "--name", NAME, "--url", URL, office.folder / "founding.json"]
    missing = exchange(*words, check=False)
    assert missing.status == 2 and "hint: --exchange ID" in missing.err
    other = exchange(*words, "--exchange", "00" * 32, check=False)
    assert other.status == 1 and "[other-exchange]" in other.err
    assert not (tmp_path / "w").exists()


def test_logs_are_added_from_a_list_or_from_what_the_exchange_shows(office: Office, tmp_path: Path) -> None:
    home = tmp_path / "w"
    exchange("witness", "init", "--home", home, "--name", NAME, "--url", URL)
    make(office, tmp_path / "other")
    known = read_logs(tmp_path / "other")
    (tmp_path / "list").write_bytes(format_logs([known["exchange.example/registry"]]))
    added = exchange("witness", "add-log", tmp_path / "list", "--home", home, "--json")
    assert added.json["logs"] == ["exchange.example/registry"]
    founding = json.loads((office.folder / "founding.json").read_text())["statements"][0]["envelope"]
    (tmp_path / "exchange.json").write_text(
        json.dumps({"founding": founding}, separators=(",", ":"), sort_keys=True) + "\n"
    )
    added = exchange("witness", "add-log", tmp_path / "exchange.json", "--exchange", office.exchange, "--home", home)
    assert added.out.splitlines() == ["exchange.example/journal", "exchange.example/registry"]
    assert read_logs(home) == known


def test_another_file_is_neither_a_founding_nor_a_list(office: Office, tmp_path: Path) -> None:
    make(office, tmp_path / "w")
    (tmp_path / "x.json").write_text('{"a":1}')
    refused = exchange("witness", "add-log", tmp_path / "x.json", "--home", tmp_path / "w", check=False)
    assert refused.status == 1 and "neither a founding statement nor a list of logs" in refused.err
    (tmp_path / "x.txt").write_text("logs/v7\n")
    refused = exchange("witness", "add-log", tmp_path / "x.txt", "--home", tmp_path / "w", check=False)
    assert refused.status == 1 and "[log-list-malformed]" in refused.err


def test_a_witness_without_its_memory_does_not_serve(office: Office, tmp_path: Path) -> None:
    make(office, tmp_path / "w")
    (tmp_path / "w" / "witness.sqlite").unlink()
    refused = exchange("witness", "serve", "--home", tmp_path / "w", "--port", "0", check=False, alone=True)
    assert refused.status == 1 and "[witness-state-missing]" in refused.err


@pytest.mark.parametrize(("name", "code"), [("two words", "witness-bad-name"), ("Witness", "card-malformed")])
def test_a_name_that_no_registry_takes(tmp_path: Path, name: str, code: str) -> None:
    refused = exchange("witness", "init", "--home", tmp_path / "w", "--name", name, "--url", URL, check=False)
    assert refused.status in (1, 2) and f"[{code}]" in refused.err


def test_the_commands_of_a_witness_have_help_in_both_languages() -> None:
    for command in ("init", "add-log", "serve"):
        assert "Verzeichnis des Zeugen" in exchange("witness", command, "--help", lang="de").out
    assert "home folder of the witness" in exchange("witness", "init", "--help", alone=True).out
