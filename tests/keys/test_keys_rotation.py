"""The rotation screen of the offline registrar: who stays, who goes, who comes, and what is refused before a signature."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from keys import __main__ as command
from keys.encoding import b64u, encode, fingerprint, unhex32
from keys.envelope import Envelope
from keys.errors import KeysError, SigningFileError
from keys.keyfile import Cost, create_secret
from keys.note import LogSigner
from keys.registrar import SigningFile, SigningItem, body_of, encode_registrar
from keys.rotation import explain_rotation, lacking, registrars_in
from keys.sign import SoftwareSigner, StatementSigner, add_signature

NOW = 1_796_000_000
HEADS = {"journal": {"root": "00" * 32, "size": 0}, "registry": {"root": "00" * 32, "size": 1}}
WORDS = "correct horse battery"


def ordered(*signers: SoftwareSigner) -> list[SoftwareSigner]:
    return sorted(signers, key=lambda signer: signer.public.key_id)


def sign(item: SigningItem, *signers: SoftwareSigner) -> SigningItem:
    envelope = item.envelope
    for signer in signers:
        envelope = add_signature(envelope, signer)
    return SigningItem(envelope)


@pytest.fixture(scope="module")
def people() -> dict[str, SoftwareSigner]:
    return {name: SoftwareSigner.generate() for name in ("ada", "bob", "cyd", "dan", "eve")}


@pytest.fixture(scope="module")
def founded(people: dict[str, SoftwareSigner]) -> SigningFile:
    """Founded by Ada, Bob and Cyd, two of whom sign."""
    body = {
        "at": NOW,
        "issuer": {"registrar": people["ada"].public.key_id},
        "logs": {log: LogSigner.generate(f"x.example/{log}").public.to_json() for log in ("journal", "registry")},
        "nonce": b64u(b"n" * 16),
        "not_after": NOW + 1000,
        "origin": "x.example",
        "registrars": [s.public.to_json() for s in ordered(*(people[n] for n in ("ada", "bob", "cyd")))],
        "statement_key": StatementSigner.generate().public.to_json(),
        "threshold": 2,
    }
    item = sign(SigningItem(Envelope("exchange.found", encode(body), ())), people["ada"], people["bob"])
    return SigningFile(item.envelope.statement_id, (item,))


def rotation(founded: SigningFile, *named: SoftwareSigner, at: int = NOW, **fields: Any) -> SigningItem:
    body = {
        "at": at,
        "exchange": founded.exchange,
        "issuer": {"registrar": ordered(*named)[0].public.key_id},
        "nonce": b64u(b"n" * 16),
        "not_after": at + 86_400,
        "registrars": [signer.public.to_json() for signer in ordered(*named)],
        "seen": HEADS,
        "threshold": 2,
        **fields,
    }
    return SigningItem(Envelope("registrar.rotate", encode(body), ()))


def test_a_rotation_shows_who_stays_goes_and_comes_with_digits(
    people: dict[str, SoftwareSigner], founded: SigningFile
) -> None:
    before = registrars_in([founded], founded.exchange)
    item = rotation(founded, people["ada"], people["bob"], people["dan"])
    shown = list(explain_rotation(item, before, people["bob"].public.key_id, language="en"))
    for word, name in (("STAYS", "ada"), ("STAYS", "bob"), ("GOES", "cyd"), ("COMES", "dan")):
        key_id = people[name].public.key_id
        place = next(i for i, line in enumerate(shown) if line.startswith(f"  {word} {key_id}"))
        assert shown[place + 1].strip() == fingerprint(unhex32(key_id))
        assert ("this is your key" in shown[place]) == (name == "bob")
    assert f"  still missing: the new registrar {people['dan'].public.key_id}" in shown
    assert lacking(before, item).count == 3


def test_a_lost_key_is_replaced_when_two_old_and_the_new_one_signed(
    people: dict[str, SoftwareSigner], founded: SigningFile
) -> None:
    before = registrars_in([founded], founded.exchange)
    ada, bob, dan = (people[name] for name in ("ada", "bob", "dan"))
    item = sign(rotation(founded, ada, bob, dan), ada, bob, dan)
    assert "  all signatures that are needed are there; nobody else signs" in list(
        explain_rotation(item, before, language="en")
    )
    later = registrars_in([SigningFile(founded.exchange, (item,)), founded], founded.exchange)
    assert set(later.keys) == {s.public.key_id for s in (ada, bob, dan)}
    assert later.statement == item.envelope.statement_id


def test_without_earlier_files_it_says_what_it_cannot_know(
    people: dict[str, SoftwareSigner], founded: SigningFile
) -> None:
    shown = list(explain_rotation(rotation(founded, people["ada"], people["dan"]), None, language="en"))
    assert any("cannot be shown" in line for line in shown)
    assert not any(line.startswith(("  STAYS", "  GOES", "  COMES")) for line in shown)


def test_a_rotation_slipped_among_the_files_does_not_count(
    people: dict[str, SoftwareSigner], founded: SigningFile
) -> None:
    ada, bob, dan, eve = (people[name] for name in ("ada", "bob", "dan", "eve"))
    for item in (
        sign(rotation(founded, dan, eve), dan, eve),
        sign(rotation(founded, ada, bob, dan), ada, bob),
        sign(rotation(founded, ada, bob, dan, previous="ab" * 32), ada, bob, dan),
    ):
        with pytest.raises(SigningFileError) as refusal:
            registrars_in([founded, SigningFile(founded.exchange, (item,))], founded.exchange)
        assert refusal.value.code == "rotation-broken"
    with pytest.raises(SigningFileError) as refusal:
        registrars_in([SigningFile(founded.exchange, (rotation(founded, ada, bob),))], founded.exchange)
    assert refusal.value.code == "no-founding"


def test_a_forged_signature_of_an_old_registrar_does_not_count(
    people: dict[str, SoftwareSigner], founded: SigningFile
) -> None:
    ada, bob, dan = (people[name] for name in ("ada", "bob", "dan"))
    item = sign(rotation(founded, ada, bob, dan), ada, dan)
    other = sign(rotation(founded, ada, bob, dan, threshold=3), bob)
    forged = SigningItem(
        Envelope("registrar.rotate", item.envelope.body, tuple(sorted(
            (*item.envelope.signatures, *other.envelope.signatures), key=lambda line: line.keyid
        )))
    )  # fmt: skip
    assert lacking(registrars_in([founded], founded.exchange), forged).old == 1


@pytest.mark.parametrize("threshold", [1, 4, "2"])
def test_a_rotation_with_a_wrong_threshold_is_not_signed(
    people: dict[str, SoftwareSigner], founded: SigningFile, threshold: Any
) -> None:
    item = rotation(founded, people["ada"], people["bob"], people["dan"], threshold=threshold)
    with pytest.raises(KeysError):
        SigningFile(founded.exchange, (item,)).sign(people["ada"], NOW)


@pytest.mark.parametrize("threshold", [None, "2", 1, 0, -1, True, [2]])
def test_attack_a_threshold_that_is_none_is_shown_and_counts_for_nothing(
    people: dict[str, SoftwareSigner], founded: SigningFile, threshold: Any
) -> None:
    item = rotation(founded, people["ada"], people["bob"], people["dan"], threshold=threshold or 2)
    body = body_of(item) | {"threshold": threshold}
    if threshold is None:
        del body["threshold"]
    item = SigningItem(Envelope("registrar.rotate", encode(body), ()))
    before = registrars_in([founded], founded.exchange)
    if type(threshold) is not int:
        assert any("COMES" in line for line in explain_rotation(item, before, language="en"))
    with pytest.raises(SigningFileError) as refusal:
        registrars_in([founded, SigningFile(founded.exchange, (sign(item, *people.values()),))], founded.exchange)
    assert refusal.value.code == "bad-field"


def test_two_registrars_with_half_a_key_in_common_are_not_signed(
    people: dict[str, SoftwareSigner], founded: SigningFile
) -> None:
    ada, bob = people["ada"].public.to_json(), people["bob"].public.to_json()
    mixed = {"ed25519": ada["ed25519"], "mldsa65": people["dan"].public.to_json()["mldsa65"]}
    for registrars in ([ada, mixed, bob], [mixed, ada, bob], [bob, ada, mixed], [bob, mixed, ada], [ada, bob, mixed]):
        item = rotation(founded, people["ada"], people["bob"], registrars=registrars)
        with pytest.raises(KeysError):
            SigningFile(founded.exchange, (item,)).check(NOW)


def test_the_command_signs_a_rotation_after_showing_it(
    people: dict[str, SoftwareSigner], founded: SigningFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now = int(time.time())
    ada = people["ada"]
    create_secret(
        tmp_path / "ada.key", kind="registrar", identity=ada.public.key_id, secret=encode_registrar(ada),
        passphrase=WORDS, cost=Cost(1, 8 << 20),
    )  # fmt: skip
    (tmp_path / "words").write_text(WORDS + "\n")
    (tmp_path / "words").chmod(0o600)
    (tmp_path / "founding.json").write_bytes(founded.save())
    item = rotation(founded, ada, people["bob"], people["dan"], at=now)
    (tmp_path / "rotate.json").write_bytes(SigningFile(founded.exchange, (item,)).save())
    words = ["--registrars", str(tmp_path / "founding.json"), "--lang", "en"]
    status = command.main(
        ["sign", str(tmp_path / "rotate.json"), "--key", str(tmp_path / "ada.key"), "--yes", *words,
         "--passphrase-file", str(tmp_path / "words")]
    )  # fmt: skip
    shown = capsys.readouterr().err
    assert status == 0, shown
    assert f"STAYS {ada.public.key_id} (this is your key)" in shown and "GOES" in shown and "COMES" in shown
    assert command.main(["show", str(tmp_path / "rotate.json"), *words]) == 0
    assert "still missing: 1 of the registrars in force" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("client.register", {"organisation": "o", "sponsor": "s", "expires": NOW + 99, "commitments": {}}),
        ("circle.define", {"circle": "c", "curators": ["p"], "commitments": {}, "members": {"persons": ["p"]}}),
        ("circle.change", {"circle": "c", "previous": "ab" * 32, "add": {"organisations": ["o"]}}),
        ("opening.erase", {"subject": "person/p", "statement": "ab" * 32, "fields": ["name"]}),
    ],
)
def test_the_kinds_about_circles_clients_and_names_are_shown_and_signed(
    people: dict[str, SoftwareSigner], founded: SigningFile, kind: str, fields: dict[str, Any]
) -> None:
    body = {
        "at": NOW, "exchange": founded.exchange, "issuer": {"registrar": people["ada"].public.key_id},
        "nonce": b64u(b"n" * 16), "not_after": NOW + 86_400, "seen": HEADS, **fields,
    }  # fmt: skip
    file = SigningFile(founded.exchange, (SigningItem(Envelope(kind, encode(body), ())),))
    signed = file.sign(people["ada"], NOW)
    assert signed.items[0].envelope.signer_ids == (people["ada"].public.key_id,)
    more = SigningItem(Envelope(kind, encode({**body, "also": 1}), ()))
    with pytest.raises(SigningFileError):
        SigningFile(founded.exchange, (more,)).sign(people["ada"], NOW)
