"""Naming witnesses on the command line, from their cards to cosigned checkpoints, against a real server process."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange import serverkeys
from keys import __main__ as keys_command
from keys.encoding import encode
from keys.verify import witness_fingerprint
from tests.cli.flow import Office, begin, enrol, exchange, found, served
from tests.support.asking import Witness, apart
from tests.support.witnesses import WitnessKey

NAMES = ("a.example", "b.example", "c.example")


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A founded partnership with one administrator."""
    made = found(tmp_path_factory.mktemp("office"))
    with served(made) as url:
        enrol(made, begin(made, url), "wirth")
        yield made


def key(name: str) -> WitnessKey:
    seed = name.encode().ljust(31)
    return WitnessKey(name, seed + b"e", seed + b"m", f"https://{name}/in")


def card(folder: Path, name: str, /, **changes: str) -> Path:
    path = folder / f"{name}.json"
    path.write_bytes(encode({**key(name).card(), **changes}) + b"\n")
    return path


def prepare(office: Office, *words: str | Path) -> str:
    """Prepare a naming; what was said."""
    return office.member("wirth", "witnesses", "name", *words, "--registrar", office.public[0]).err


def test_a_naming_is_prepared_read_signed_and_posted(
    office: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "witnesses.json"
    said = prepare(office, card(tmp_path, "b.example"), card(tmp_path, "a.example"), "--quorum", "2", "--out", out)
    assert said.index("comes: a.example, https://a.example/in") < said.index("comes: b.example")
    assert witness_fingerprint(key("a.example").signer.public) in said
    assert "2 of 2 witnesses are enough" in said and "CAREFUL: with" not in said
    keys_command.main(["show", str(out), "--lang", "en"])
    shown = capsys.readouterr().out
    assert "NAME THE WITNESSES of both logs, all of them (witness.name)" in shown
    assert f"witnesses[1].keys: compare {witness_fingerprint(key('a.example').signer.public)}" in shown
    office.sign(out, 1, 2)
    exchange("admit", out, "--url", office.url)

    out = tmp_path / "more.json"
    said = prepare(office, card(tmp_path, "c.example"), "--keep", "--quorum", "1", "--out", out)
    assert "stays: a.example" in said and "stays: b.example" in said and "comes: c.example" in said
    assert "CAREFUL: with 1 of 3" in said
    moved = card(tmp_path, "b.example", url="https://elsewhere.example")
    out = tmp_path / "moved.json"
    said = prepare(office, moved, "--quorum", "1", "--out", out)
    assert "goes: a.example" in said and "changes: b.example, https://elsewhere.example" in said
    office.sign(out, 1, 3)
    exchange("admit", out, "--url", office.url)

    out = tmp_path / "none.json"
    said = prepare(office, "--quorum", "0", "--out", out)
    assert "goes: b.example" in said and "no witness is asked any more then" in said


def test_show_says_what_the_witnesses_signed_and_what_the_exchange_says_of_them(office: Office, tmp_path: Path) -> None:
    keys = serverkeys.load(office.folder / "server", {})
    logs = {signer.origin: signer.public for signer in (keys.registry, keys.journal)}
    good = Witness(WitnessKey("good.example", b"g" * 32, b"G" * 32), logs, lambda: int(time.time()))
    slow = Witness(WitnessKey("slow.example", b"s" * 32, b"S" * 32), {}, lambda: int(time.time()))
    with apart(good, slow):
        cards = []
        for witness in (good, slow):
            cards.append(tmp_path / f"{witness.key.name}.json")
            cards[-1].write_bytes(encode(witness.key.card()) + b"\n")
        out = tmp_path / "w.json"
        prepare(office, *cards, "--quorum", "1", "--out", out)
        office.sign(out, 1, 2)
        exchange("admit", out, "--url", office.url)
        deadline = time.monotonic() + 30
        while (ran := office.member("wirth", "witnesses", "show", "--json", check=False)).status != 0:
            assert time.monotonic() < deadline, ran
        for log in ran.json["logs"]:
            first, second = log["witnesses"]
            assert (log["quorum"], log["size"]) == (1, log["head"])
            assert (first["name"], first["size"], first["says"]) == ("good.example", log["head"], "cosigned")
            assert first["at"] == log["at"]
            assert (second["name"], second["says"]) == ("slow.example", "log-unknown") and "at" not in second
        shown = office.member("wirth", "witnesses", "show").out
        assert "registry: at least 1 of 2 witnesses cosigned size" in shown and "does not know the log" in shown
        german = exchange(
            "witnesses", "show", "--home", office.home("wirth"), "--passphrase-file", office.passphrase, lang="de"
        ).out
        assert (
            "Teilnehmerliste: mindestens 1 von 2 Zeugen haben Größe" in german and "kennt das Protokoll nicht" in german
        )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--quorum", "1"), "no witness is given"),
        (("a", "--quorum", "2"), "of 1 witnesses 2 cannot be enough"),
        (("a", "--quorum", "0"), "of 1 witnesses 0 cannot be enough"),
        (("a", "a", "--quorum", "1"), "a.example is given twice"),
    ],
)
def test_what_cannot_be_named_is_said_before_anything_is_written(
    office: Office, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    path = card(tmp_path, "a.example")
    given = [path if word == "a" else word for word in words]
    ran = office.member("wirth", "witnesses", "name", *given, "--out", tmp_path / "out.json", check=False)
    assert ran.status == 2 and said in ran.err
    assert not (tmp_path / "out.json").exists()


def test_half_a_key_in_common_is_said_before_registrars_meet(office: Office, tmp_path: Path) -> None:
    cards = [card(tmp_path, "a.example"), card(tmp_path, "b.example", ed25519=str(key("a.example").card()["ed25519"]))]
    ran = office.member("wirth", "witnesses", "name", *cards, "--quorum", "1", "--out", tmp_path / "x", check=False)
    assert ran.status == 1 and "[key-reused]" in ran.err
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    "changes",
    [{"ed25519": "AAAA"}, {"mldsa44": ""}, {"name": "two words"}, {"url": "ftp://a.example"}, {"more": "x"}],
)
def test_another_file_is_no_card(office: Office, tmp_path: Path, changes: dict[str, str]) -> None:
    path = card(tmp_path, "a.example", **changes)
    ran = office.member("wirth", "witnesses", "name", path, "--quorum", "1", "--out", tmp_path / "x", check=False)
    assert ran.status == 1 and "is not the card of a witness" in ran.err
