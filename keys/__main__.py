"""`python -m keys`: the offline registrar's command line; the only module here that talks to a person.

Commands: `new`, `show`, `sign`, `fingerprint`. stdout is data, stderr is talk; exit 0 done, 1 refused, 2 usage. A
passphrase is asked for or read from a private file, never an argument. Needs only `cryptography` and PyNaCl, so that it
runs on a machine without a network (docs/spec/statements.md, "Signers").
"""

import argparse
import getpass
import io
import sys
import time
from pathlib import Path

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
from keys.registrar import (
    KIND,
    MAX_SIGNING_FILE,
    SigningFile,
    counted,
    decode_public,
    decode_registrar,
    describe,
    encode_public,
    encode_registrar,
)
from keys.rotation import ROTATE, Registrars, explain_rotation, registrars_in
from keys.sign import SoftwareSigner
from keys.verify import SigningPublicKey

HINTS = {
    "exists": "choose another name, or move the old file away yourself",
    "permissions-loose": "chmod 600 the file, and think about who may have read it",
    "wrong-passphrase": "check the keyboard layout and caps lock",
    "expired": "have the statements prepared again, and sign within seven days",
    "not-yet": "compare the clocks of both machines",
    "bad-passphrase": f"take several words; at least {MIN_PASSPHRASE} characters",
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name outside the terminal's alphabet must not stop the listing
            stream.reconfigure(errors="backslashreplace")
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except KeysError as error:
        _say(f"refused: {error.message} ({error.code})")
        if hint := HINTS.get(error.code):
            _say(f"hint: {hint}")
    except OSError as error:
        _say(f"failed: {error.strerror or 'the file cannot be used'}")
    except (KeyboardInterrupt, EOFError):
        _say("stopped, nothing was signed")
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m keys", description="keys and signatures of an offline registrar")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    new = commands.add_parser("new", help="make a registrar key")
    new.add_argument("--out", type=Path, required=True, help="secret key file to create, protected by a passphrase")
    new.add_argument("--public", type=Path, required=True, help="public key file to create")
    _passphrase_option(new)
    new.set_defaults(run=_new)

    show = commands.add_parser("show", help="print a signing file or public key file in words")
    show.add_argument("file", type=Path)
    show.add_argument("--public", type=Path, action="append", default=[], help="verify signatures of this key")
    _registrars_option(show)
    show.set_defaults(run=_show)

    sign = commands.add_parser("sign", help="sign every statement of a signing file")
    sign.add_argument("file", type=Path)
    sign.add_argument("--key", type=Path, required=True, help="this registrar's secret key file")
    sign.add_argument("--yes", action="store_true", help="do not ask after showing")
    _registrars_option(sign)
    _passphrase_option(sign)
    sign.set_defaults(run=_sign)

    digits = commands.add_parser("fingerprint", help="print a public key's digits for comparing by telephone")
    digits.add_argument("file", type=Path)
    digits.set_defaults(run=_fingerprint)
    return parser


def _registrars_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--registrars",
        type=Path,
        action="append",
        default=[],
        help="the founding or an earlier rotation, as signed: who is a registrar now (repeat it)",
    )


def _passphrase_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--passphrase-file", type=Path, help="read the passphrase from this private file's first line")


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
    _say("made a registrar key; keep the secret file offline, and a copy in a second safe place")
    _print(signer.public.key_id)
    return 0


def _show(options: argparse.Namespace) -> int:
    data = _read(options.file)
    known = tuple(decode_public(_read(path)) for path in options.public)
    if data.startswith(b'{"format":"tlp-exchange-registrar/'):
        _print_public(decode_public(data))
        return 0
    file = SigningFile.load(data)
    for line in _lines(file, known, _before(options, file)):
        _print(line)
    file.check(_now())
    return 0


def _sign(options: argparse.Namespace) -> int:
    data = _read(options.file)
    file = SigningFile.load(data)
    before = _before(options, file)
    rotates = any(item.envelope.kind == ROTATE for item in file.items)
    known = () if before is None else tuple(before.keys.values())
    for line in _lines(file, known, before, identity_of(options.key) if rotates else None):
        _say(line)
    file.check(_now())
    for line in ("", "in this file:", *(f"  {line}" for line in counted(file))):
        _say(line)
    if not options.yes:
        _say(f"sign {len(file.items)} statement(s)? type yes: ", end="")
        if input().strip() != "yes":
            _say("nothing was signed")
            return 1
    signer = decode_registrar(read_secret(options.key, _passphrase(options), kind=KIND).secret)
    signed = file.sign(signer, _now())
    # What was read and shown is what was signed; a file that another program changed meanwhile is not overwritten.
    replace_file(options.file, data, signed.save())
    _say(f"signed with {signer.public.key_id}")
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
    before: Registrars | None = None,
    own: str | None = None,
) -> list[str]:
    lines = [f"exchange: {file.exchange or 'founded by this file'}", f"statements: {len(file.items)}"]
    for number, item in enumerate(file.items, 1):
        lines += ["", f"{number}.", *describe(item, known)]
        if item.envelope.kind == ROTATE:
            lines += explain_rotation(item, before, own)
    return lines


def _print_public(key: SigningPublicKey) -> None:
    _print("public key of a registrar")
    _print(f"  key id: {key.key_id}")
    _print(f"  fingerprint: {fingerprint(unhex32(key.key_id))}")


def _passphrase(options: argparse.Namespace, *, confirm: bool = False) -> str:
    if options.passphrase_file is not None:
        check_private(options.passphrase_file)
        return _text(options.passphrase_file)
    passphrase = getpass.getpass("passphrase: ")
    if confirm and getpass.getpass("once more: ") != passphrase:
        raise KeyFileError("bad-passphrase", "the two passphrases differ")
    return passphrase


def _text(path: Path) -> str:
    try:
        return _read(path).decode("utf-8").split("\n", 1)[0].rstrip("\r")
    except UnicodeDecodeError:
        raise KeyFileError("bad-passphrase", "the passphrase file is not UTF-8 text") from None


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
