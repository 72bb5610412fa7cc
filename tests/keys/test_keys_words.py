"""`python -m keys` in German and English: every screen, every text, and a German sentence for every refusal."""

from __future__ import annotations

import ast
import getpass
import re
import string
import time
from pathlib import Path
from typing import Any

import pytest

from keys import __main__ as command
from keys import texts
from keys.encoding import b64u, commitment, encode
from keys.envelope import Envelope
from keys.errors import KeyFileError, SigningFileError
from keys.keyfile import Cost, create_secret
from keys.language import Language
from keys.note import LogSigner
from keys.registrar import ASKED, Opening, SigningFile, SigningItem, encode_public, encode_registrar
from keys.rotation import explain_rotation
from keys.sign import SoftwareSigner, StatementSigner, add_signature
from keys.words import describe

KEYS = Path(command.__file__).parent
WORDS = "correct horse battery"
SALT = b"s" * 32
HEADS = {"journal": {"root": "00" * 32, "size": 0}, "registry": {"root": "00" * 32, "size": 1}}
LANGUAGES: tuple[Language, ...] = ("de", "en")
Screen = pytest.CaptureFixture[str]


# -- the tables ------------------------------------------------------------------------------------


def _fields(words: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(words) if name}


@pytest.mark.parametrize("key", sorted(texts.TEXTS))
def test_both_languages_of_a_text_take_the_same_values(key: str) -> None:
    german, english = texts.TEXTS[key]
    assert german and english
    assert _fields(german) == _fields(english)
    for word in re.findall(r"--[a-z-]+|chmod \d+", english):
        assert word in german


def test_every_kind_that_registrars_sign_has_its_words_and_no_other() -> None:
    assert {key.removeprefix("kind_") for key in texts.TEXTS if key.startswith("kind_")} == set(ASKED)


def _strings(module: str) -> set[str]:
    tree = ast.parse((KEYS / f"{module}.py").read_text(encoding="utf-8"))
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_every_text_is_used_and_every_text_that_is_used_is_there() -> None:
    composed = {f"kind_{kind}" for kind in ASKED} | {f"hint_{code}" for code in command.HINTS}
    composed |= {f"help_{name}" for name in ("new", "show", "sign", "fingerprint")}
    composed |= {f"verdict_{word}" for word in ("verified", "unknown", "incomplete", "wrong")}
    composed |= {f"alphabet_{name}" for name in ("LATIN", "CYRILLIC", "GREEK")}
    named = _strings("__main__") | _strings("words") | _strings("rotation")
    assert texts.TEXTS.keys() == (named & texts.TEXTS.keys()) | composed
    calls = "\n".join((KEYS / f"{name}.py").read_text(encoding="utf-8") for name in ("__main__", "words", "rotation"))
    asked = re.findall(r"""(?:\btext|\bwords|_said|_one)\(["']([a-z_]+)["']""", calls)
    assert asked and not set(asked) - texts.TEXTS.keys()


def _loaded_by(module: str, seen: set[str]) -> set[str]:
    """The modules of this package that a module imports, and theirs."""
    seen.add(module)
    for node in ast.walk(ast.parse((KEYS / f"{module}.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("keys."):
            found = (node.module or "").removeprefix("keys.")
            if found not in seen:
                _loaded_by(found, seen)
    return seen


def _codes() -> set[str]:
    """Every code of an error that the command can raise, by its class where the table tells the classes apart."""
    codes: set[str] = set()
    for module in _loaded_by("__main__", set()):
        for node in ast.walk(ast.parse((KEYS / f"{module}.py").read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else ""
            if name == "_halves":
                codes.add(f"BadKey {ast.literal_eval(node.args[1])}")
            elif name == "BadKey" and isinstance(node.args[0], ast.Name):
                assert node.args[0].id == "code"  # of `_halves`
            elif name in {"BadKey", "KeysError"} or (
                name.endswith("Error") and name not in {"TypeError", "ValueError"}
            ):
                codes.add(f"{name} {ast.literal_eval(node.args[0])}")
    return codes


def test_every_refusal_has_its_german_sentence_and_every_sentence_its_refusal() -> None:
    codes = _codes()
    assert {"SigningFileError expired", "BadKey bad-log-key", "EncodingError not-strict"} <= codes
    for code in sorted(codes):
        assert code in texts.SENTENCES or code.split(" ")[1] in texts.SENTENCES, code
    raised = codes | {code.split(" ")[1] for code in codes}
    assert not texts.SENTENCES.keys() - raised


def test_one_code_of_two_files_has_two_sentences() -> None:
    key, file = KeyFileError("wrong-kind", "of a key"), SigningFileError("wrong-kind", "of a file")
    assert texts.sentence(key, "de") != texts.sentence(file, "de")
    assert (texts.sentence(key, "en"), texts.sentence(file, "en")) == ("of a key", "of a file")


# -- statements in words ---------------------------------------------------------------------------


def _body(now: int, **fields: Any) -> dict[str, Any]:
    common = {"at": now, "issuer": {"registrar": "cd" * 32}, "nonce": b64u(b"n" * 16), "not_after": now + 3600}
    return {**common, "exchange": "ab" * 32, "seen": HEADS, **fields}


def _admission(now: int, name: str = "Stadtwerke Musterstadt") -> SigningItem:
    fields = {"organisation": b64u(b"o" * 16), "kind": "company", "sectors": [], "areas": ["05113"], "expires": now + 9}
    body = _body(now, **fields, commitments={"name": commitment("name", SALT, name)})
    return SigningItem(Envelope("organisation.admit", encode(body), ()), (Opening("name", SALT, name),))


def test_a_statement_is_shown_in_german_with_the_fields_of_the_protocol(ada: SoftwareSigner) -> None:
    item = _admission(1_796_000_000, "P\u043elizei")
    shown = list(describe(item, language="de"))
    assert shown[0] == "EINE ORGANISATION AUFNEHMEN (organisation.admit)"
    assert "    ACHTUNG: name mischt Buchstaben mehrerer Alphabete: kyrillisch, lateinisch" in shown
    assert f"  Kennung der Erklärung: {item.envelope.statement_id}" in shown
    assert shown[-1] == "  noch von niemandem unterschrieben"
    english = list(describe(item, language="en"))
    fields = re.compile(r"^  ([a-z_.\[\]0-9]+): ", re.MULTILINE)
    assert fields.findall("\n".join(shown)) == fields.findall("\n".join(english))
    assert {"commitments.name", "expires", "issuer.registrar"} <= set(fields.findall("\n".join(shown)))
    assert "    CAREFUL: name mixes letters of several alphabets: CYRILLIC, LATIN" in english

    signed = SigningItem(add_signature(item.envelope, ada), item.openings)
    assert f"  unterschrieben von {ada.public.key_id}: geprüft" in describe(signed, (ada.public,), language="de")
    assert any("hier nicht geprüft" in line for line in describe(signed, language="de"))
    half = SigningItem(add_signature(item.envelope, ada, scheme="ed25519"))
    assert any("UNVOLLSTÄNDIG" in line for line in describe(half, (ada.public,), language="de"))


def test_no_value_of_a_statement_changes_what_stands_around_it() -> None:
    item = SigningItem(Envelope("organisation.suspend", encode({"organisation": "{key} {0}"}), ()))
    for language in LANGUAGES:
        assert "  organisation: {key} {0}" in describe(item, language=language)


def test_attack_a_threshold_that_moves_the_cursor(ada: SoftwareSigner) -> None:
    body = _body(1, registrars=[ada.public.to_json()], threshold="\x1b[2J2")
    item = SigningItem(Envelope("registrar.rotate", encode(body), ()))
    for language in LANGUAGES:
        assert all(line.isprintable() for line in explain_rotation(item, None, language=language))


# -- the command -----------------------------------------------------------------------------------


@pytest.fixture
def desk(tmp_path: Path, ada: SoftwareSigner, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with Ada's key, her passphrase and a file to sign now; the machine speaks no language."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    secret = encode_registrar(ada)
    create_secret(
        tmp_path / "a.key", kind="registrar", identity=ada.public.key_id, secret=secret, passphrase=WORDS,
        cost=Cost(1, 8192),
    )  # fmt: skip
    (tmp_path / "a.pub").write_bytes(encode_public(ada.public))
    (tmp_path / "words").write_text(WORDS + "\n", encoding="utf-8")
    (tmp_path / "words").chmod(0o600)
    (tmp_path / "file").write_bytes(SigningFile("ab" * 32, (_admission(int(time.time())),)).save())
    return tmp_path


def _sign(desk: Path, *more: str) -> int:
    words = ["--key", str(desk / "a.key"), "--passphrase-file", str(desk / "words"), *more]
    return command.main(["sign", str(desk / "file"), *words])


def test_german_is_first_and_the_option_stands_before_or_after_the_command(desk: Path, capsys: Screen) -> None:
    file = str(desk / "a.pub")
    heads = {"de": "öffentlicher Schlüssel eines Registrars", "en": "public key of a registrar"}
    for arguments, language in (
        (["show", file], "de"),
        (["--lang", "en", "show", file], "en"),
        (["show", file, "--lang", "en"], "en"),
        (["show", "--lang=en", file], "en"),
        (["--lang", "de", "show", file], "de"),
    ):
        assert command.main(arguments) == 0
        assert capsys.readouterr().out.splitlines()[0] == heads[language]


def test_the_locale_is_followed(desk: Path, capsys: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "en_GB.UTF-8")
    assert command.main(["show", str(desk / "a.pub")]) == 0
    assert "key id:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("language", "parts"),
    [
        ("de", ["Austauschplattform: abab", "Erklärungen: 1", "EINE ORGANISATION AUFNEHMEN", "unterschrieben von"]),
        ("en", ["exchange: abab", "statements: 1", "ADMIT AN ORGANISATION", "signed by"]),
    ],
)
def test_show_in_both_languages(desk: Path, capsys: Screen, language: str, parts: list[str]) -> None:
    assert _sign(desk, "--yes") == 0
    capsys.readouterr()
    assert command.main(["show", str(desk / "file"), "--public", str(desk / "a.pub"), "--lang", language]) == 0
    shown = capsys.readouterr().out
    assert all(part in shown for part in parts), shown


@pytest.mark.parametrize(
    ("language", "answer", "status"),
    [("de", "ja", 0), ("de", "yes", 0), ("de", "j", 1), ("en", "yes", 0), ("en", "ja", 1)],
)
def test_sign_takes_a_whole_yes_of_its_language(
    desk: Path, capsys: Screen, monkeypatch: pytest.MonkeyPatch, language: str, answer: str, status: int
) -> None:
    monkeypatch.setattr("builtins.input", lambda: answer)
    assert _sign(desk, "--lang", language) == status
    said = capsys.readouterr()
    assert said.out == ""
    german = ["in dieser Datei:", "1 Erklärung(en) unterschreiben? Geben Sie ja ein:"]
    english = ["in this file:", "sign 1 statement(s)? type yes:"]
    ends = {("de", 0): "unterschrieben mit", ("de", 1): "nichts wurde unterschrieben"}
    ends |= {("en", 0): "signed with", ("en", 1): "nothing was signed"}
    for part in (*(german if language == "de" else english), ends[language, status]):
        assert part in said.err


def test_a_refusal_and_its_hint_in_both_languages(desk: Path, capsys: Screen) -> None:
    (desk / "file").write_bytes(SigningFile("ab" * 32, (_admission(1_700_000_000),)).save())
    assert _sign(desk, "--yes") == 1
    german = capsys.readouterr().err.splitlines()[-2:]
    assert german == [
        "abgelehnt: eine Erklärung kann nicht mehr angenommen werden; lassen Sie sie neu vorbereiten (expired)",
        "Hinweis: lassen Sie die Erklärungen neu vorbereiten, und unterschreiben Sie binnen sieben Tagen",
    ]
    assert _sign(desk, "--yes", "--lang", "en") == 1
    assert capsys.readouterr().err.splitlines()[-2:] == [
        "refused: a statement can no longer be accepted; have it prepared again (expired)",
        "hint: have the statements prepared again, and sign within seven days",
    ]
    assert command.main(["show", str(desk / "absent")]) == 1
    assert capsys.readouterr().err == "nicht gelungen: die Datei gibt es nicht\n"
    assert command.main(["show", str(desk / "absent"), "--lang", "en"]) == 1
    assert capsys.readouterr().err == "failed: No such file or directory\n"


def test_new_and_fingerprint_print_the_same_data_in_both_languages(
    desk: Path, capsys: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "MODERATE", Cost(1, 8192))
    prompts: list[str] = []
    monkeypatch.setattr(getpass, "getpass", lambda prompt: prompts.append(prompt) or WORDS)
    for language, said, hint in (
        ("de", "bewahren Sie die geheime Datei ohne Netz auf", "nehmen Sie einen anderen Namen"),
        ("en", "keep the secret file offline", "choose another name"),
    ):
        new = ["new", "--out", str(desk / f"{language}.key"), "--public", str(desk / f"{language}.pub")]
        assert command.main([*new, "--lang", language]) == 0
        out = capsys.readouterr()
        assert re.fullmatch(r"[0-9a-f]{64}\n", out.out) and said in out.err
        assert command.main([*new, "--lang", language]) == 1
        assert hint in capsys.readouterr().err
        assert command.main(["fingerprint", str(desk / f"{language}.pub"), "--lang", language]) == 0
        assert re.fullmatch(r"[0-9 \n]+", capsys.readouterr().out)
    assert prompts == ["Passphrase: ", "bitte wiederholen: ", "passphrase: ", "once more: "]


def test_two_passphrases_that_differ_are_said_to_differ(
    desk: Path, capsys: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([WORDS, "something else"])
    monkeypatch.setattr(getpass, "getpass", lambda _: next(answers))
    assert command.main(["new", "--out", str(desk / "k"), "--public", str(desk / "p")]) == 1
    assert capsys.readouterr().err == "abgelehnt: die beiden Eingaben sind verschieden (passphrases-differ)\n"


def test_help_and_wrong_usage_speak_the_language(desk: Path, capsys: Screen) -> None:
    for arguments, german, english in (
        (["--help"], "Aufruf: python -m keys", "usage: python -m keys"),
        (["--help"], "Optionen:", "options:"),
        (["sign", "--help"], "die geheime Schlüsseldatei dieses Registrars", "this registrar's secret key file"),
        (["sign", "x"], "Fehler: es fehlt: --key", "error: the following arguments are required: --key"),
        (["other"], "'other' gibt es nicht", "invalid choice: 'other'"),
    ):
        for language, part in (("de", german), ("en", english)):
            with pytest.raises(SystemExit):
                command.main(["--lang", language, *arguments])
            said = capsys.readouterr()
            assert part in said.out + said.err


def test_a_rotation_in_both_languages_with_and_without_the_earlier_files(
    desk: Path, capsys: Screen, ada: SoftwareSigner, bob: SoftwareSigner, eve: SoftwareSigner
) -> None:
    now = int(time.time())

    def keys(*signers: SoftwareSigner) -> list[dict[str, str]]:
        return [key.to_json() for key in sorted((s.public for s in signers), key=lambda key: key.key_id)]

    found = _body(
        now,
        origin="x.example",
        registrars=keys(ada, bob),
        threshold=2,
        logs={log: LogSigner.generate(f"x.example/{log}").public.to_json() for log in ("journal", "registry")},
        statement_key=StatementSigner.generate().public.to_json(),
    )
    del found["exchange"], found["seen"]
    first = Envelope("exchange.found", encode(found), ())
    first = add_signature(add_signature(first, ada), bob)
    founding = SigningFile(first.statement_id, (SigningItem(first),))
    (desk / "founding.json").write_bytes(founding.save())
    body = _body(now, exchange=first.statement_id, registrars=keys(ada, eve), threshold=2)
    (desk / "file").write_bytes(
        SigningFile(first.statement_id, (SigningItem(Envelope("registrar.rotate", encode(body), ())),)).save()
    )
    known = ["--registrars", str(desk / "founding.json")]
    for language, alone, parts in (
        ("de", "Wer geht, lässt sich nicht zeigen", ["BLEIBT", "GEHT", "KOMMT", "Was das heißt:", "es fehlen noch: 2 der"]),
        ("en", "Who goes cannot be shown", ["STAYS", "GOES", "COMES", "What it means:", "still missing: 2 of"]),
    ):  # fmt: skip
        assert command.main(["show", str(desk / "file"), "--lang", language]) == 0
        shown = capsys.readouterr().out
        assert alone in shown and not any(f"  {word} " in shown for word in parts[:3])
        assert command.main(["show", str(desk / "file"), "--lang", language, *known]) == 0
        shown = capsys.readouterr().out
        assert alone not in shown and all(f"  {part}" in shown for part in parts)
    assert _sign(desk, "--yes", *known) == 0
    assert f"BLEIBT {ada.public.key_id} (das ist Ihr Schlüssel)" in capsys.readouterr().err
