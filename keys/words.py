"""What a signing file says in words, German or English, so that a registrar signs what that registrar has read.

Spec: docs/spec/statements.md, "Signers" and "Registry kinds". Every field of a statement is shown; names of fields and kinds are
the protocol's, the words around them are `keys/texts.py`'s. Nothing here refuses a file: `keys/registrar.py` does.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Literal

from keys.encoding import encode, unb64u
from keys.envelope import ED25519_SIGNATURE, MLDSA65_SIGNATURE, Envelope
from keys.errors import BadKey, EncodingError, SignatureError
from keys.language import Language
from keys.registrar import ASKED, TIMES, WITNESS_FIELDS, SigningFile, SigningItem, body_of, named_registrars
from keys.texts import TEXTS, text
from keys.verify import (
    LogPublicKey,
    SigningPublicKey,
    device_fingerprint,
    verify_ed25519_bytes,
    verify_mldsa65_bytes,
    witness_fingerprint,
)

MAX_MARKS = 4  # combining marks on one character that are shown as such
# Fillers, joiners and blanks that Unicode counts as letters, marks or symbols.
_INVISIBLE = frozenset(
    map(
        chr,
        (
            *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0),
            *(*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)),
        ),
    )
)


def plain(value: str) -> str:
    """Neutralise a text for the terminal: control, format (bidi), blank and invisible characters become `\\u{…}` (I10).

    A name must not be able to move the cursor, hide what stands before it, turn the reading direction, or begin what looks
    like the next line by filling this one up: of several spaces in a row only the first is shown as one.
    """
    shown = []
    before, marks = "", 0
    for character in value:
        category = unicodedata.category(character)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        hidden = category[0] == "C" or (category[0] == "Z" and (character != " " or before == " "))
        if hidden or character in _INVISIBLE or marks > MAX_MARKS:
            shown.append(f"\\u{{{ord(character):x}}}")
        else:
            shown.append(character)
        before = character
    return "".join(shown)


def alphabets(value: str) -> tuple[str, ...]:
    """The alphabets of a text's letters by the first word of their Unicode names, sorted: `("CYRILLIC", "LATIN")`."""
    return tuple(sorted({unicodedata.name(c, "UNKNOWN").split(" ")[0] for c in value if c.isalpha()}))


def kind_in_words(kind: str, language: Language) -> str:
    """What a statement of this kind does, and the kind: `ADMIT AN ORGANISATION (organisation.admit)`."""
    return f"{text(f'kind_{kind}' if kind in ASKED else 'not_for_registrars', language)} ({kind})"


def counted(file: SigningFile, *, language: Language) -> Iterator[str]:
    """Yield how many statements of each kind a file has: what a long list hides, its end shows."""
    kinds = [item.envelope.kind for item in file.items]
    for kind in sorted(set(kinds)):
        yield f"{kinds.count(kind)} x {kind_in_words(kind, language)}"


def describe(item: SigningItem, known: tuple[SigningPublicKey, ...] = (), *, language: Language) -> Iterator[str]:
    """Yield the lines that show one statement: kind in words, every field, openings, id, and who has signed.

    Signatures of the `known` keys, and of the registrars that a founding statement names, are verified; others are
    shown as claims. Malformed values are shown as they are; `check_item` is what refuses. Raises SigningFileError
    `bad-body`.
    """
    envelope, body = item.envelope, body_of(item)
    yield kind_in_words(envelope.kind, language)
    openings = {opening.field: opening.value for opening in item.openings}
    for path, value in _leaves("", body):
        if path.startswith("commitments."):
            field = path.removeprefix("commitments.")
            if field in openings:
                yield f"  {field}: {plain(openings[field])}"
                if len(found := alphabets(openings[field])) > 1:
                    yield f"    {text('alphabets', language, field=field, alphabets=_named(found, language))}"
        yield f"  {path}: {_shown(path, value, language)}"
    if envelope.kind == "device.enrol":
        yield f"  {text('compare', language, digits=_device_digits(body, language))}"
    yield f"  {text('statement_id', language, statement=envelope.statement_id)}"
    keys = {key.key_id: key for key in (*known, *named_registrars(body))}
    for key_id in envelope.signer_ids:
        shown = text(f"verdict_{verdict(envelope, keys.get(key_id))}", language)
        yield f"  {text('signed_by', language, key=key_id, verdict=shown)}"
    if not envelope.signatures:
        yield f"  {text('unsigned', language)}"


def _named(found: tuple[str, ...], language: Language) -> str:
    return ", ".join(text(key, language) if (key := f"alphabet_{name}") in TEXTS else name for name in found)


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Flatten to (dotted path, scalar); a public key counts as one value, also the two of a witness, behind its name."""
    if isinstance(value, dict) and value.keys() == WITNESS_FIELDS:
        for name in ("name", "url"):
            yield f"{path}.{name}", value[name]
        yield f"{path}.keys", {"ed25519": value["ed25519"], "mldsa44": value["mldsa44"]}
    elif isinstance(value, dict) and value and value.keys() not in ({"ed25519", "mldsa65"}, {"ed25519", "mldsa44"}):
        for name in value:
            yield from _leaves(f"{path}.{name}" if path else name, value[name])
    elif isinstance(value, list) and value:
        for number, item in enumerate(value, 1):
            yield from _leaves(f"{path}[{number}]", item)
    else:
        yield path, value


def _shown(path: str, value: Any, language: Language) -> str:
    name = re.split(r"[.\[]", path)[-1] if not path.endswith("]") else ""
    if name in TIMES and type(value) is int and 0 <= value < 253_402_300_800:
        return f"{value} = {datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M:%S} UTC"
    if isinstance(value, dict) and value:
        try:
            if name == "possession":
                unb64u(value["ed25519"], length=ED25519_SIGNATURE)
                unb64u(value["mldsa65"], length=MLDSA65_SIGNATURE)
                return text("possession", language)
            if "mldsa44" in value and name == "keys":
                return text("compare_keys", language, digits=witness_fingerprint(LogPublicKey.from_json(value)))
            if "mldsa44" in value:
                digest = hashlib.sha256(encode(LogPublicKey.from_json(value).to_json())).hexdigest()
                return text("log_key", language, digest=digest)
            return text("signing_key", language, key=SigningPublicKey.from_json(value).key_id)
        except (BadKey, EncodingError):
            pass  # malformed: shown as it is, below
    if isinstance(value, bool):
        return text("true" if value else "false", language)
    return plain(value) if isinstance(value, str) else plain(encode(value).decode("utf-8"))


def _device_digits(body: dict[str, Any], language: Language) -> str:
    try:
        return device_fingerprint(SigningPublicKey.from_json(body["signing"]).key_id, unb64u(body["scan"], length=32))
    except (BadKey, EncodingError, KeyError):
        return text("digits_malformed", language)


def verdict(envelope: Envelope, key: SigningPublicKey | None) -> Literal["verified", "unknown", "incomplete", "wrong"]:
    """Judge both signature lines of one key; `unknown` when there is none to verify them with."""
    lines = {line.keyid: line.sig for line in envelope.signatures}
    if key is None:
        return "unknown"
    try:
        verify_ed25519_bytes(key.ed25519, envelope.pae, lines[f"{key.key_id}:ed25519"])
        verify_mldsa65_bytes(key.mldsa65, envelope.pae, lines[f"{key.key_id}:mldsa65"])
    except KeyError:
        return "incomplete"
    except SignatureError:
        return "wrong"
    return "verified"
