"""`python -m keys`: the offline registrar's command line; the only module here that talks to a person.

Commands: `new`, `show`, `sign`, `fingerprint`. stdout is data, stderr is talk; exit 0 done, 1 refused, 2 usage. German or English:
`--lang`, else the locale. A passphrase is asked for or read from a private file, never an argument. Needs only `cryptography`
and PyNaCl, so that it runs on a machine without a network (docs/spec/statements.md, "Signers").
"""

import argparse
import getpass
import io
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from keys.encoding import fingerprint, unhex32
from keys.errors import KeyFileError, KeysError
from keys.keyfile import (
    MIN_PASSPHRASE,
    MODERATE,
    check_private,
    create_file,
    create_secret,
    identity_of,
    read_secret,
    replace_file,
)
from keys.language import LANGUAGES, Language, language_of, process_language
from keys.registrar import (
    KIND,
    MAX_SIGNING_FILE,
    SigningFile,
    decode_public,
    decode_registrar,
    encode_public,
    encode_registrar,
)
from keys.rotation import ROTATE, Registrars, explain_rotation, registrars_in
from keys.sign import SoftwareSigner
from keys.texts import ARGPARSE, YES, reason, sentence, text
from keys.verify import SigningPublicKey
from keys.words import counted, describe

HINTS = frozenset({"exists", "permissions-loose", "wrong-passphrase", "expired", "not-yet", "bad-passphrase"})
"""Codes for which there is something to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name outside the terminal's alphabet must not stop the listing
            stream.reconfigure(errors="backslashreplace")
    language = process_language(arguments)
    with _argparse_in(language):
        options = _parser(language).parse_args(arguments)
    options.lang = language = language_of(options.lang)
    try:
        return int(options.run(options))
    except KeysError as error:
        _say(text("refused", language, reason=sentence(error, language), code=error.code))
        if error.code in HINTS:
            hint = text(f"hint_{error.code}", language, least=MIN_PASSPHRASE)
            _say(text("hint", language, hint=hint))
    except OSError as error:
        _say(text("failed", language, reason=reason(error, language)))
    except (KeyboardInterrupt, EOFError):
        _say(text("stopped", language))
    return 1


@contextmanager
def _argparse_in(language: Language) -> Iterator[None]:
    """The library's own words in German while it parses: it asks gettext for each, for which no catalogue is installed."""
    before = argparse.__dict__["_"]
    if language == "de":
        argparse.__dict__["_"] = lambda words: ARGPARSE.get(words, words)
    try:
        yield
    finally:
        argparse.__dict__["_"] = before


def _parser(language: Language) -> argparse.ArgumentParser:
    def words(key: str) -> str:
        return text(key, language)

    parser = argparse.ArgumentParser(prog="python -m keys", description=words("help"))
    parser.add_argument("--lang", choices=LANGUAGES, help=words("help_lang"))
    commands = parser.add_subparsers(required=True, metavar=words("metavar_command"))

    def command(name: str, run: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=words(f"help_{name}"))
        # After the command word, too; without a default it does not undo what stood before it.
        made.add_argument("--lang", choices=LANGUAGES, default=argparse.SUPPRESS, help=words("help_lang"))
        made.set_defaults(run=run)
        return made

    file: dict[str, Any] = {"metavar": words("metavar_file"), "type": Path}
    registrars = {**file, "action": "append", "default": [], "help": words("help_registrars")}
    passphrase = {**file, "help": words("help_passphrase_file")}

    new = command("new", _new)
    new.add_argument("--out", required=True, help=words("help_out"), **file)
    new.add_argument("--public", required=True, help=words("help_public_out"), **file)
    new.add_argument("--passphrase-file", **passphrase)

    show = command("show", _show)
    show.add_argument("file", **file)
    show.add_argument("--public", action="append", default=[], help=words("help_public_known"), **file)
    show.add_argument("--registrars", **registrars)

    sign = command("sign", _sign)
    sign.add_argument("file", **file)
    sign.add_argument("--key", required=True, help=words("help_key"), **file)
    sign.add_argument("--yes", action="store_true", help=words("help_yes"))
    sign.add_argument("--registrars", **registrars)
    sign.add_argument("--passphrase-file", **passphrase)

    command("fingerprint", _fingerprint).add_argument("file", **file)
    return parser


def _new(options: argparse.Namespace) -> int:
    for path in (options.out, options.public):
        if path.exists():  # before asking for a passphrase; `create_file` is what enforces it
            raise KeyFileError("exists", f"{path.name} exists and is not overwritten")
    passphrase = _passphrase(options, confirm=True)
    signer = SoftwareSigner.generate()
    create_secret(
        options.out,
        kind=KIND,
        identity=signer.public.key_id,
        secret=encode_registrar(signer),
        passphrase=passphrase,
        cost=MODERATE,
    )
    create_file(options.public, encode_public(signer.public), mode=0o644)
    _say(text("made", options.lang))
    _print(signer.public.key_id)
    return 0


def _show(options: argparse.Namespace) -> int:
    data = _read(options.file)
    known = tuple(decode_public(_read(path)) for path in options.public)
    if data.startswith(b'{"format":"tlp-exchange-registrar/'):
        _print_public(decode_public(data), options.lang)
        return 0
    file = SigningFile.load(data)
    for line in _lines(file, known, options.lang, _before(options, file)):
        _print(line)
    file.check(_now())
    return 0


def _sign(options: argparse.Namespace) -> int:
    data = _read(options.file)
    file = SigningFile.load(data)
    before = _before(options, file)
    rotates = any(item.envelope.kind == ROTATE for item in file.items)
    known = () if before is None else tuple(before.keys.values())
    for line in _lines(file, known, options.lang, before, identity_of(options.key) if rotates else None):
        _say(line)
    file.check(_now())
    for line in ("", text("file_counted", options.lang)):
        _say(line)
    for line in counted(file, language=options.lang):
        _say(f"  {line}")
    if not options.yes:
        _say(text("ask_sign", options.lang, number=len(file.items)), end="")
        if input().strip() not in YES[options.lang]:
            _say(text("not_signed", options.lang))
            return 1
    signer = decode_registrar(read_secret(options.key, _passphrase(options), kind=KIND).secret)
    signed = file.sign(signer, _now())
    # What was read and shown is what was signed; a file that another program changed meanwhile is not overwritten.
    replace_file(options.file, data, signed.save())
    _say(text("signed", options.lang, key=signer.public.key_id))
    return 0


def _fingerprint(options: argparse.Namespace) -> int:
    _print(fingerprint(unhex32(decode_public(_read(options.file)).key_id)))
    return 0


def _before(options: argparse.Namespace, file: SigningFile) -> Registrars | None:
    """The registrars in force, when the files that say so were given."""
    if not options.registrars:
        return None
    return registrars_in([SigningFile.load(_read(path)) for path in options.registrars], file.exchange)


def _lines(
    file: SigningFile,
    known: tuple[SigningPublicKey, ...],
    language: Language,
    before: Registrars | None = None,
    own: str | None = None,
) -> list[str]:
    founds = file.exchange is None
    lines = [
        text("file_founds", language) if founds else text("file_exchange", language, exchange=file.exchange),
        text("file_statements", language, number=len(file.items)),
    ]
    for number, item in enumerate(file.items, 1):
        lines += ["", f"{number}.", *describe(item, known, language=language)]
        if item.envelope.kind == ROTATE:
            lines += explain_rotation(item, before, own, language=language)
    return lines


def _print_public(key: SigningPublicKey, language: Language) -> None:
    _print(text("public_key", language))
    _print(f"  {text('public_key_id', language, key=key.key_id)}")
    _print(f"  {text('public_key_digits', language, digits=fingerprint(unhex32(key.key_id)))}")


def _passphrase(options: argparse.Namespace, *, confirm: bool = False) -> str:
    if options.passphrase_file is not None:
        check_private(options.passphrase_file)
        return _first_line(options.passphrase_file)
    passphrase = getpass.getpass(text("ask_passphrase", options.lang))
    if confirm and getpass.getpass(text("ask_passphrase_again", options.lang)) != passphrase:
        raise KeyFileError("passphrases-differ", "the two passphrases differ")
    return passphrase


def _first_line(path: Path) -> str:
    try:
        return _read(path).decode("utf-8").split("\n", 1)[0].rstrip("\r")
    except UnicodeDecodeError:
        raise KeyFileError("passphrase-not-text", "the passphrase file is not UTF-8 text") from None


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(MAX_SIGNING_FILE + 1)
    if len(data) > MAX_SIGNING_FILE:
        raise KeyFileError("bad-file", f"{path.name} is larger than {MAX_SIGNING_FILE} bytes")
    return data


def _now() -> int:
    return int(time.time())


def _print(line: str) -> None:
    print(line)


def _say(line: str, end: str = "\n") -> None:
    print(line, end=end, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
