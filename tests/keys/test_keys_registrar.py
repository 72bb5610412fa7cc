"""The offline registrar: what is refused before a signature, what is shown, and the command line."""

import getpass
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from keys import __main__ as command
from keys import registrar
from keys.encoding import b64u, commitment, decode, encode, fingerprint
from keys.envelope import Envelope
from keys.errors import KeysError
from keys.keyfile import Cost, create_secret
from keys.note import LogSigner
from keys.registrar import Opening, SigningFile, SigningItem
from keys.sign import SoftwareSigner, StatementSigner, add_signature, sign_statement
from keys.verify import verify_hybrid, witness_fingerprint
from keys.words import describe, plain

NOW = 1_796_000_000
EXCHANGE = "ab" * 32
HEADS = {"journal": {"root": "00" * 32, "size": 0}, "registry": {"root": "00" * 32, "size": 1}}
SALT = b"s" * 32
WORDS = "correct horse battery"


def body(**fields: Any) -> dict[str, Any]:
    return {
        "at": NOW,
        "exchange": EXCHANGE,
        "issuer": {"registrar": "cd" * 32},
        "nonce": b64u(b"n" * 16),
        "not_after": NOW + 86_400,
        "seen": HEADS,
        **fields,
    }


def admission(name: str = "Stadtwerke Musterstadt", **fields: Any) -> SigningItem:
    value = body(
        organisation=b64u(b"o" * 16),
        kind="company",
        sectors=["energy"],
        areas=["05113"],
        expires=NOW + 31_536_000,
        commitments={"name": commitment("name", SALT, "Stadtwerke Musterstadt")},
        **fields,
    )
    return SigningItem(Envelope("organisation.admit", encode(value), ()), (Opening("name", SALT, name),))


def suspension(**fields: Any) -> SigningItem:
    value = {**body(organisation=b64u(b"o" * 16), previous="ef" * 32), **fields}
    return SigningItem(Envelope("organisation.suspend", encode(value), ()))


def founding(ada: SoftwareSigner, bob: SoftwareSigner, **fields: Any) -> SigningItem:
    keys = sorted((ada.public, bob.public), key=lambda key: key.key_id)
    value = body(
        origin="exchange.example",
        registrars=[key.to_json() for key in keys],
        threshold=2,
        logs={
            "journal": LogSigner("exchange.example/journal", b"1" * 32, b"2" * 32).public.to_json(),
            "registry": LogSigner("exchange.example/registry", b"3" * 32, b"4" * 32).public.to_json(),
        },
        statement_key=StatementSigner(b"5" * 32).public.to_json(),
    )
    del value["exchange"], value["seen"]
    return SigningItem(Envelope("exchange.found", encode({**value, **fields}), ()))


def of(*items: SigningItem, exchange: str | None = EXCHANGE) -> SigningFile:
    return SigningFile(exchange, items)


def code_of(action: Callable[[], object]) -> str:
    with pytest.raises(KeysError) as refusal:
        action()
    return refusal.value.code


# -- signing ---------------------------------------------------------------------------------------


def test_two_registrars_sign_a_file_one_after_the_other(ada: SoftwareSigner, bob: SoftwareSigner) -> None:
    file = of(admission(), suspension())
    once = SigningFile.load(file.sign(ada, NOW).save())
    twice = SigningFile.load(once.sign(bob, NOW + 60).save())
    for item in twice.items:
        verify_hybrid(item.envelope, [ada.public, bob.public])
    assert [item.envelope.statement_id for item in twice.items] == [item.envelope.statement_id for item in file.items]
    assert twice.items[0].openings == file.items[0].openings


def test_signing_twice_is_refused_and_a_half_signed_file_is_completed(ada: SoftwareSigner) -> None:
    signed = of(admission()).sign(ada, NOW)
    assert code_of(lambda: signed.sign(ada, NOW)) == "signed-already"
    mixed = of(*signed.items, suspension()).sign(ada, NOW)
    assert mixed.items[0] == signed.items[0]
    verify_hybrid(mixed.items[1].envelope, [ada.public])


def test_an_exchange_is_founded_by_its_registrars_only(
    ada: SoftwareSigner, bob: SoftwareSigner, eve: SoftwareSigner
) -> None:
    file = of(founding(ada, bob), exchange=None)
    signed = file.sign(ada, NOW).sign(bob, NOW)
    verify_hybrid(signed.items[0].envelope, [ada.public, bob.public])
    assert "exchange" not in decode(signed.save(), max_bytes=1_000_000)
    assert code_of(lambda: file.sign(eve, NOW)) == "not-a-registrar"


def test_statements_of_a_new_exchange_are_signed_with_its_founding(ada: SoftwareSigner, bob: SoftwareSigner) -> None:
    first = founding(ada, bob)
    exchange = first.envelope.statement_id
    of(first, suspension(exchange=exchange), exchange=None).sign(ada, NOW)
    assert code_of(lambda: of(first, suspension(), exchange=None).sign(ada, NOW)) == "wrong-exchange"
    assert code_of(lambda: of(first, founding(ada, bob, origin="x"), exchange=None).check(NOW)) == "wrong-exchange"
    assert code_of(lambda: of(first).check(NOW)) == "wrong-exchange"


@pytest.mark.parametrize(
    "change",
    [
        {"threshold": 1},
        {"threshold": 3},
        {"threshold": True},
        {"registrars": []},
        {"registrars": "x"},
        {"logs": {}},
        {"logs": "x"},
    ],
)
def test_a_founding_that_one_person_could_use_is_refused(
    change: dict[str, Any], ada: SoftwareSigner, bob: SoftwareSigner
) -> None:
    assert code_of(lambda: of(founding(ada, bob, **change), exchange=None).check(NOW)) == "bad-field"


def test_attack_one_registrar_stands_twice_in_a_founding(ada: SoftwareSigner, bob: SoftwareSigner) -> None:
    twice = founding(ada, bob, registrars=[ada.public.to_json()] * 2)
    assert code_of(lambda: of(twice, exchange=None).check(NOW)) == "bad-field"


def test_attack_founding_with_a_low_order_key(ada: SoftwareSigner, bob: SoftwareSigner) -> None:
    bad = founding(ada, bob, statement_key=b64u(b"\x01" + bytes(31)))
    assert code_of(lambda: of(bad, exchange=None).check(NOW)) == "bad-ed25519-key"


@pytest.mark.parametrize(
    "kind", ["alert", "epoch.publish", "session.open", "terms.accept", "alert.grant", "device.possess"]
)
def test_attack_registrar_is_asked_to_sign_what_registrars_do_not_sign(kind: str, ada: SoftwareSigner) -> None:
    item = SigningItem(Envelope(kind, encode(body()), ()))
    assert code_of(lambda: of(item).sign(ada, NOW)) == "wrong-kind"


def test_attack_body_that_two_parsers_read_differently(ada: SoftwareSigner) -> None:
    good = suspension().envelope.body
    for bad in (good.replace(b"{", b'{"at":1,', 1), good + b" ", b"\xef\xbb\xbf" + good, b"not json"):
        item = SigningItem(Envelope("organisation.suspend", bad, ()))
        assert code_of(lambda item=item: of(item).sign(ada, NOW)) == "bad-body"


def test_unknown_and_missing_fields_are_refused(ada: SoftwareSigner) -> None:
    assert code_of(lambda: of(suspension(also="this")).sign(ada, NOW)) == "bad-field"
    value = body(organisation=b64u(b"o" * 16))
    item = SigningItem(Envelope("organisation.suspend", encode(value), ()))
    assert code_of(lambda: of(item).sign(ada, NOW)) == "bad-field"


def test_statement_for_another_exchange_is_refused(ada: SoftwareSigner) -> None:
    assert code_of(lambda: of(suspension(exchange="ba" * 32)).sign(ada, NOW)) == "wrong-exchange"
    assert code_of(lambda: of(suspension(), exchange=None).sign(ada, NOW)) == "wrong-exchange"


def test_time_window_is_checked_when_signing(ada: SoftwareSigner) -> None:
    of(suspension()).sign(ada, NOW + 86_400)
    of(suspension()).sign(ada, NOW - 300)
    assert code_of(lambda: of(suspension()).sign(ada, NOW + 86_401)) == "expired"
    assert code_of(lambda: of(suspension()).sign(ada, NOW - 301)) == "not-yet"
    for change in ({"not_after": NOW}, {"not_after": NOW + 604_801}, {"at": "x"}, {"at": True}, {"at": -1}):
        assert code_of(lambda change=change: of(suspension(**change)).sign(ada, NOW)) == "bad-field"


def test_attack_name_shown_is_not_the_name_committed_to(ada: SoftwareSigner) -> None:
    item = admission("Polizei Musterstadt")
    assert code_of(lambda: of(item).sign(ada, NOW)) == "bad-opening"


def test_openings_and_commitments_agree_one_to_one(ada: SoftwareSigner) -> None:
    good = admission()
    for openings in ((), good.openings * 2, (*good.openings, Opening("contact", SALT, "x"))):
        item = SigningItem(good.envelope, openings)
        assert code_of(lambda item=item: of(item).sign(ada, NOW)) == "bad-opening"
    assert code_of(lambda: of(SigningItem(suspension().envelope, good.openings)).sign(ada, NOW)) == "bad-opening"


def naming(*witnesses: dict[str, Any], quorum: int = 1, **fields: Any) -> SigningItem:
    value = body(quorum=quorum, witnesses=list(witnesses), **fields)
    return SigningItem(Envelope("witness.name", encode(value), ()))


def witness(name: str = "w.example") -> dict[str, Any]:
    key = LogSigner(name, name.encode().ljust(32), b"m" * 32).public
    return {**key.to_json(), "name": name, "url": f"https://{name}"}


def test_a_naming_of_witnesses_is_shown_in_words_with_digits_to_compare(ada: SoftwareSigner) -> None:
    first, second = witness("a.example"), witness("b.example")
    signed = SigningFile(EXCHANGE, (naming(first, second, quorum=2),)).sign(ada, NOW)
    lines = list(describe(signed.items[0], language="en"))
    assert lines[0] == "NAME THE WITNESSES of both logs, all of them (witness.name)"
    assert "  quorum: 2" in lines
    at = lines.index("  witnesses[1].name: a.example")
    digits = witness_fingerprint(LogSigner("a.example", b"a.example".ljust(32), b"m" * 32).public)
    assert lines[at : at + 3] == [
        "  witnesses[1].name: a.example",
        "  witnesses[1].url: https://a.example",
        f"  witnesses[1].keys: compare {digits}",
    ]
    assert not any(first["mldsa44"][:40] in line for line in lines), "nobody reads 1,312 bytes"
    empty = SigningFile(EXCHANGE, (naming(quorum=0, previous="ef" * 32),)).sign(ada, NOW)
    assert "  witnesses: []" in describe(empty.items[0], language="en")


@pytest.mark.parametrize(
    "item",
    [
        naming(quorum=1),
        naming(witness(), quorum=0),
        naming(witness(), quorum=2),
        naming(witness(), quorum=True),
        naming(witness(), witness()),
        naming(witness("b.example"), witness("a.example")),
        naming(*[witness(f"w{n:02}.example") for n in range(16)]),
        naming({**witness(), "more": ""}),
        naming({**witness(), "url": 1}),
        naming({**witness(), "ed25519": b64u(bytes(32))}),
        naming({**witness(), "mldsa44": b64u(bytes(31))}),
    ],
)
def test_a_naming_of_witnesses_that_no_registry_takes_is_not_signed(item: SigningItem, ada: SoftwareSigner) -> None:
    with pytest.raises(KeysError):
        SigningFile(EXCHANGE, (item,)).sign(ada, NOW)


def test_device_with_unusable_keys_is_not_signed(reader: Any, ada: SoftwareSigner) -> None:
    def enrolment(**changes: Any) -> SigningItem:
        fields = {
            **reader.request(),
            "person": b64u(b"p" * 16),
            "possession": reader.possession(exchange=EXCHANGE, organisation=b"o" * 16, person=b"p" * 16),
        }
        return SigningItem(Envelope("device.enrol", encode(body(**{**fields, **changes})), ()))

    of(enrolment()).sign(ada, NOW)
    assert code_of(lambda: of(enrolment(scan=b64u(bytes(32)))).sign(ada, NOW)) == "bad-scan-key"
    assert code_of(lambda: of(enrolment(scan=1)).sign(ada, NOW)) == "bad-field"
    bad = {**reader.public.to_json(), "ed25519": b64u(b"\x01" + bytes(31))}
    assert code_of(lambda: of(enrolment(signing=bad)).sign(ada, NOW)) == "bad-ed25519-key"
    shown = "\n".join(describe(enrolment(), language="en"))
    assert reader.fingerprint in shown
    assert f"signing key {reader.public.key_id}" in shown


def test_bounds_of_a_signing_file(ada: SoftwareSigner) -> None:
    assert code_of(lambda: of().save()) == "too-many"
    assert code_of(lambda: of(*[suspension()] * 257).save()) == "too-many"
    assert code_of(lambda: of(suspension(), suspension()).check(NOW)) == "repeated"
    assert code_of(lambda: SigningFile.load(b" " * (registrar.MAX_SIGNING_FILE + 1))) == "too-large"


def test_a_malformed_signing_file_is_refused() -> None:
    good = decode(of(admission()).save(), max_bytes=100_000)
    (item,) = good["statements"]
    for value in (
        {},
        {**good, "format": "x"},
        {**good, "more": 1},
        {**good, "exchange": "x"},
        {**good, "statements": {}},
        {**good, "statements": []},
        {**good, "statements": [1]},
        {**good, "statements": [{"envelope": item["envelope"]}]},
        {**good, "statements": [{**item, "openings": {}}]},
        {**good, "statements": [{**item, "openings": [1]}]},
        {**good, "statements": [{**item, "openings": ["abc"]}]},
        {**good, "statements": [{**item, "openings": item["openings"] * 9}]},
        {**good, "statements": [{**item, "openings": [{**item["openings"][0], "salt": "AA"}]}]},
        {**good, "statements": [{**item, "openings": [{**item["openings"][0], "value": 1}]}]},
        {**good, "statements": [{**item, "openings": [{**item["openings"][0], "more": 1}]}]},
        {**good, "statements": [{**item, "envelope": {}}]},
    ):
        with pytest.raises(KeysError):
            SigningFile.load(encode(value))


# -- showing ---------------------------------------------------------------------------------------


def test_everything_that_is_signed_is_shown() -> None:
    shown = list(describe(admission(), language="en"))
    assert shown[0] == "ADMIT AN ORGANISATION (organisation.admit)"
    text = "\n".join(shown)
    for part in (
        "name: Stadtwerke Musterstadt",
        "kind: company",
        "sectors[1]: energy",
        "areas[1]: 05113",
        f"expires: {NOW + 31_536_000} = 2027-11-30",
        "issuer.registrar: cdcd",
        "seen.registry.size: 1",
        f"exchange: {EXCHANGE}",
        "signed by nobody yet",
    ):
        assert part in text


def test_signatures_are_shown_as_verified_wrong_or_claimed(ada: SoftwareSigner, bob: SoftwareSigner) -> None:
    item = suspension()
    signed = SigningItem(add_signature(item.envelope, ada))
    assert any("not verified here" in line for line in describe(signed, language="en"))
    assert any(line.endswith("verified") for line in describe(signed, (ada.public,), language="en"))
    other = sign_statement("organisation.suspend", {"at": 1}, ada)
    wrong = SigningItem(Envelope(item.envelope.kind, item.envelope.body, other.signatures))
    assert any("WRONG" in line for line in describe(wrong, (ada.public,), language="en"))
    half = SigningItem(add_signature(item.envelope, ada, scheme="ed25519"))
    assert any("INCOMPLETE" in line for line in describe(half, (ada.public,), language="en"))
    first = founding(ada, bob)
    assert any(
        line.endswith("verified") for line in describe(SigningItem(add_signature(first.envelope, ada)), language="en")
    )


@pytest.mark.parametrize(
    "text",
    ["\x1b[2J", "a\rb", "a\nb", "\u202egnp.exe", "\u2066x\u2069", "\u200b", "\u2028", "\x9b31m", "\ufeff", "\x7f"],
)
def test_attack_text_that_moves_the_cursor_or_turns_the_direction(text: str) -> None:
    assert "\\u{" in plain(text)
    assert plain(text).isprintable()
    item = suspension(organisation=text)
    assert all(line.isprintable() for line in describe(item, language="en"))


def test_names_with_umlauts_are_shown_as_they_are() -> None:
    assert plain("Jörg Müller – IHK 'Süd'") == "Jörg Müller – IHK 'Süd'"


def test_malformed_values_are_shown_and_not_trusted(ada: SoftwareSigner) -> None:
    for change in (
        {"at": 2**52},
        {"at": True},
        {"possession": {"ed25519": 1, "mldsa65": 2}},
        {"signing": {"ed25519": "x", "mldsa65": "y"}},
        {"registrars": ["x"]},
        {"registrars": {"ed25519": "x", "mldsa44": []}},
    ):
        assert list(describe(suspension(**change), language="en"))
    assert list(describe(SigningItem(Envelope("device.enrol", encode({}), ())), language="en"))


# -- the command line ------------------------------------------------------------------------------


@pytest.fixture
def desk(tmp_path: Path, ada: SoftwareSigner) -> Path:
    """A folder with a registrar's key, its passphrase, and a file to sign now."""
    create_secret(
        tmp_path / "r1.key",
        kind="registrar",
        identity=ada.public.key_id,
        secret=registrar.encode_registrar(ada),
        passphrase=WORDS,
        cost=Cost(1, 8192),
    )
    (tmp_path / "r1.pub").write_bytes(registrar.encode_public(ada.public))
    (tmp_path / "words").write_text(WORDS + "\n", encoding="utf-8")
    (tmp_path / "words").chmod(0o600)
    now = int(time.time())
    (tmp_path / "file").write_bytes(of(suspension(at=now, not_after=now + 3600)).save())
    return tmp_path


def sign_arguments(desk: Path, *more: str) -> list[str]:
    return [
        "sign",
        str(desk / "file"),
        "--key",
        str(desk / "r1.key"),
        "--passphrase-file",
        str(desk / "words"),
        "--lang",
        "en",
        *more,
    ]


def test_sign_shows_then_signs(desk: Path, ada: SoftwareSigner, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(sign_arguments(desk, "--yes")) == 0
    out = capsys.readouterr()
    assert out.out == ""
    assert "SUSPEND AN ORGANISATION" in out.err
    (item,) = SigningFile.load((desk / "file").read_bytes()).items
    verify_hybrid(item.envelope, [ada.public])
    assert command.main(sign_arguments(desk, "--yes")) == 1
    assert "signed-already" in capsys.readouterr().err


@pytest.mark.parametrize(("answer", "status"), [("yes", 0), ("y", 1), ("", 1), ("no", 1)])
def test_sign_asks_for_a_full_yes(desk: Path, answer: str, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (desk / "file").read_bytes()
    monkeypatch.setattr("builtins.input", lambda: answer)
    assert command.main(sign_arguments(desk)) == status
    assert ((desk / "file").read_bytes() != before) == (status == 0)


def test_sign_refuses_before_it_asks_for_the_passphrase(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (desk / "file").write_bytes(of(suspension()).save())  # prepared long ago
    assert command.main(["sign", str(desk / "file"), "--key", str(desk / "absent"), "--yes", "--lang", "en"]) == 1
    err = capsys.readouterr().err
    assert "refused:" in err
    assert "hint:" in err


def test_a_file_changed_while_the_registrar_read_it_is_not_overwritten(
    desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer() -> str:
        (desk / "file").write_bytes(b"another file")
        return "yes"

    monkeypatch.setattr("builtins.input", answer)
    assert command.main(sign_arguments(desk)) == 1
    assert (desk / "file").read_bytes() == b"another file"


def test_show_prints_every_field_and_verifies_known_keys(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command.main(sign_arguments(desk, "--yes"))
    capsys.readouterr()
    assert command.main(["show", str(desk / "file"), "--public", str(desk / "r1.pub"), "--lang", "en"]) == 0
    out = capsys.readouterr().out
    assert "SUSPEND AN ORGANISATION" in out
    assert ": verified" in out


def test_show_of_a_file_not_to_be_signed_prints_it_and_fails(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (desk / "file").write_bytes(of(suspension()).save())
    assert command.main(["show", str(desk / "file"), "--lang", "en"]) == 1
    out = capsys.readouterr()
    assert "SUSPEND AN ORGANISATION" in out.out
    assert "hint:" in out.err


def test_fingerprint_and_show_of_a_public_key(
    desk: Path, ada: SoftwareSigner, capsys: pytest.CaptureFixture[str]
) -> None:
    digits = fingerprint(bytes.fromhex(ada.public.key_id))
    assert command.main(["fingerprint", str(desk / "r1.pub")]) == 0
    assert capsys.readouterr().out == digits + "\n"
    assert command.main(["show", str(desk / "r1.pub")]) == 0
    assert digits in capsys.readouterr().out
    assert command.main(["fingerprint", str(desk / "file")]) == 1
    assert command.main(["fingerprint", str(desk / "absent")]) == 1


def test_new_makes_a_key_that_signs_and_never_overwrites(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "MODERATE", Cost(1, 8192))
    monkeypatch.setattr(getpass, "getpass", lambda _: WORDS)
    arguments = ["new", "--out", str(tmp_path / "r.key"), "--public", str(tmp_path / "r.pub")]
    assert command.main(arguments) == 0
    key_id = capsys.readouterr().out.strip()
    assert registrar.decode_public((tmp_path / "r.pub").read_bytes()).key_id == key_id
    assert stat.S_IMODE((tmp_path / "r.key").stat().st_mode) == 0o600
    before = (tmp_path / "r.key").read_bytes()
    assert command.main(arguments) == 1
    assert (tmp_path / "r.key").read_bytes() == before
    now = int(time.time())
    (tmp_path / "file").write_bytes(of(suspension(at=now, not_after=now + 60)).save())
    assert command.main(["sign", str(tmp_path / "file"), "--key", str(tmp_path / "r.key"), "--yes"]) == 0


def test_new_wants_the_same_passphrase_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([WORDS, "another passphrase"])
    monkeypatch.setattr(getpass, "getpass", lambda _: next(answers))
    assert command.main(["new", "--out", str(tmp_path / "k"), "--public", str(tmp_path / "p")]) == 1
    assert list(tmp_path.iterdir()) == []


def test_passphrase_file_that_others_may_read_is_refused(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (desk / "words").chmod(0o644)
    assert command.main(sign_arguments(desk, "--yes")) == 1
    assert "permissions-loose" in capsys.readouterr().err


def test_a_device_key_file_is_not_a_registrars(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    create_secret(desk / "d.key", kind="device", identity="x", secret=b"{}", passphrase=WORDS, cost=Cost(1, 8192))
    arguments = [item.replace("r1.key", "d.key") for item in sign_arguments(desk, "--yes")]
    assert command.main(arguments) == 1
    assert "wrong-kind" in capsys.readouterr().err
    assert code_of(lambda: registrar.decode_registrar(b"{}")) == "bad-identity"


@pytest.mark.parametrize("arguments", [[], ["unknown"], ["sign"], ["new", "--out", "x"]])
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        command.main(arguments)
    assert end.value.code == 2


def test_the_offline_registrar_loads_nothing_that_talks_to_a_network() -> None:
    # A fresh interpreter, as on the registrar's machine: nothing of the exchange, no HTTP, no database.
    script = (
        "import sys, keys.__main__\n"
        "bad = {'exchange', 'aiohttp', 'sqlalchemy', 'pydantic', 'sqlite3', 'ssl', 'http', 'asyncio', 'urllib.request'}\n"
        "print(sorted(bad & set(sys.modules)))"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
