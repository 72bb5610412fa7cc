"""The offline registrar: signing files, what they say in words, and the refusals before a signature.

Spec: docs/spec/statements.md, "Signers" and "Registry kinds".

A signing file is strict JSON that is carried by hand: `{"exchange"?, "format", "statements": [{"envelope", "openings"}]}`;
an envelope in it may still lack signatures. This module has no network and knows no roster: whether a subject exists and
who else must sign is checked by the exchange and by every reader. It checks what one file alone can show, and shows every
field of it, so that a person signs what that person has read. The terminal is `keys/__main__.py`.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from keys.encoding import MAX_TIME, SALT_BYTES, b64u, commitment, decode, encode, unb64u, unhex32
from keys.envelope import ED25519_SIGNATURE, MAX_BODY, MLDSA65_SIGNATURE, Envelope
from keys.errors import BadKey, EncodingError, KeyFileError, SignatureError, SigningFileError
from keys.sign import SEED, Signer, SoftwareSigner, add_signature
from keys.verify import (
    LogPublicKey,
    SigningPublicKey,
    StatementPublicKey,
    check_log_key,
    check_scan_key,
    check_signing_key,
    check_statement_key,
    device_fingerprint,
    verify_ed25519_bytes,
    verify_mldsa65_bytes,
    witness_fingerprint,
)

FORMAT = "tlp-exchange-signing-file/v1"
PUBLIC_FORMAT = "tlp-exchange-registrar/v1"
KIND = "registrar"  # of the key file
MAX_STATEMENTS = 256  # of one file, as of one request
MAX_SIGNING_FILE = 8_388_608  # bytes; a request takes 4 MiB
MAX_PUBLIC = 16_384  # bytes of a public key file
MAX_LIFETIME = 604_800  # seconds from `at` to `not_after`
CLOCK = 300  # seconds by which an offline clock may be behind
MAX_OPENINGS = 8
MAX_WITNESSES = 15

_COMMON = "at exchange issuer nonce not_after seen"

# What a registrar may be asked to sign: words, fields beside the common ones, fields that may be left out.
_ASKED = {
    "exchange.found": ("FOUND A NEW EXCHANGE", "origin registrars threshold logs statement_key", ""),
    "registrar.rotate": ("CHANGE THE REGISTRARS", "registrars threshold", "previous"),
    "policy.adopt": ("adopt a policy", "policy", "previous"),
    "witness.name": ("NAME THE WITNESSES of both logs, all of them", "quorum witnesses", "previous"),
    "terms.define": ("define terms of participation", "version document accept_by", "previous"),
    "organisation.admit": (
        "ADMIT AN ORGANISATION",
        "organisation kind sectors areas expires commitments",
        "",
    ),
    "organisation.change": (
        "change what is recorded of an organisation",
        "organisation kind sectors areas previous",
        "commitments",
    ),
    "organisation.renew": ("renew an organisation, or lift its suspension", "organisation expires previous", ""),
    "organisation.suspend": ("SUSPEND AN ORGANISATION", "organisation previous", ""),
    "organisation.remove": ("REMOVE AN ORGANISATION FOR GOOD", "organisation previous", ""),
    "person.enrol": ("ENROL A PERSON", "organisation person roles topics commitments", ""),
    "person.change": ("change a person's roles or topics", "person roles topics previous", "commitments"),
    "person.remove": ("REMOVE A PERSON FOR GOOD", "person previous", ""),
    "device.enrol": ("ENROL A DEVICE, which can then read", "person device signing scan possession", "commitments"),
    "device.revoke": ("REVOKE A DEVICE FOR GOOD", "device previous", ""),
    "client.register": ("register a client, or renew it", "organisation sponsor expires commitments", "previous"),
    "circle.define": ("DEFINE A CIRCLE", "circle curators commitments", "members"),
    "circle.change": ("change a circle", "circle previous", "add remove curators commitments"),
    "opening.erase": ("ERASE NAMES FOR GOOD", "subject statement fields", "previous"),
}
_WITNESS = frozenset({"ed25519", "mldsa44", "name", "url"})
_NOT_IN_FOUNDING = frozenset({"exchange", "seen"})

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

_TIMES = frozenset({"at", "not_after", "expires", "accept_by"})


# -- keys on paper and disk ------------------------------------------------------------------------


def encode_registrar(signer: SoftwareSigner) -> bytes:
    """The secret inside a registrar's key file: both seeds as strict JSON."""
    return encode({"ed25519": b64u(signer.ed25519_seed), "mldsa65": b64u(signer.mldsa65_seed)})


def decode_registrar(secret: bytes) -> SoftwareSigner:
    """Read what `encode_registrar` wrote. Raises KeyFileError `bad-identity`."""
    try:
        obj = decode(secret, max_bytes=1024)
        if obj.keys() != {"ed25519", "mldsa65"}:
            raise EncodingError("bad-type")
        return SoftwareSigner(unb64u(obj["ed25519"], length=SEED), unb64u(obj["mldsa65"], length=SEED))
    except EncodingError:
        raise KeyFileError("bad-identity", "the key file does not hold a registrar's key") from None


def encode_public(key: SigningPublicKey) -> bytes:
    """A registrar's public key file, for the founding statement and for comparing fingerprints."""
    return encode({"format": PUBLIC_FORMAT, "signing": key.to_json()})


def decode_public(data: bytes) -> SigningPublicKey:
    """Read and check a public key file. Raises EncodingError, BadKey."""
    obj = decode(data, max_bytes=MAX_PUBLIC)
    if obj.keys() != {"format", "signing"} or obj["format"] != PUBLIC_FORMAT:
        raise EncodingError("bad-format", "this is not a registrar's public key file")
    return check_signing_key(SigningPublicKey.from_json(obj["signing"]))


# -- signing files ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Opening:
    """One opening: field, 32-byte salt, value."""

    field: str
    salt: bytes
    value: str

    def to_json(self) -> dict[str, str]:
        """`{"field", "salt", "value"}`."""
        return {"field": self.field, "salt": b64u(self.salt), "value": self.value}

    @classmethod
    def from_json(cls, obj: Any) -> "Opening":
        """Read an opening. Raises SigningFileError `bad-opening`."""
        try:
            field, salt, value = obj["field"], unb64u(obj["salt"], length=SALT_BYTES), obj["value"]
        except (EncodingError, KeyError, TypeError):
            raise SigningFileError("bad-opening", "an opening is malformed") from None
        if len(obj) != 3 or not isinstance(field, str) or not isinstance(value, str):
            raise SigningFileError("bad-opening", "an opening is malformed")
        return cls(field, salt, value)


@dataclass(frozen=True, slots=True)
class SigningItem:
    """One statement to be signed, with the openings of its commitments."""

    envelope: Envelope
    openings: tuple[Opening, ...] = ()


@dataclass(frozen=True, slots=True)
class SigningFile:
    """Statements carried by hand from registrar to registrar. `exchange` is absent only when the exchange is founded."""

    exchange: str | None
    items: tuple[SigningItem, ...]

    def save(self) -> bytes:
        """The file's bytes. Raises SigningFileError `too-many`."""
        if not 1 <= len(self.items) <= MAX_STATEMENTS:
            raise SigningFileError("too-many", f"a signing file has 1 to {MAX_STATEMENTS} statements")
        statements = [
            {"envelope": item.envelope.to_json(), "openings": [opening.to_json() for opening in item.openings]}
            for item in self.items
        ]
        head = {} if self.exchange is None else {"exchange": self.exchange}
        return encode({**head, "format": FORMAT, "statements": statements})

    @classmethod
    def load(cls, data: bytes) -> "SigningFile":
        """Read a file of at most 8 MiB. Raises EncodingError, EnvelopeError, SigningFileError `bad-file`, `too-many`."""
        obj = decode(data, max_bytes=MAX_SIGNING_FILE)
        if obj.keys() - {"exchange"} != {"format", "statements"} or obj["format"] != FORMAT:
            raise SigningFileError("bad-file", "this is not a signing file")
        exchange = obj.get("exchange")
        if exchange is not None:
            unhex32(exchange)
        statements = obj["statements"]
        if not isinstance(statements, list):
            raise SigningFileError("bad-file", "this is not a signing file")
        if not 1 <= len(statements) <= MAX_STATEMENTS:
            raise SigningFileError("too-many", f"a signing file has 1 to {MAX_STATEMENTS} statements")
        items = []
        for item in statements:
            if not isinstance(item, dict) or item.keys() != {"envelope", "openings"}:
                raise SigningFileError("bad-file", "a statement in a signing file is an envelope with openings")
            openings = item["openings"]
            if not isinstance(openings, list) or len(openings) > MAX_OPENINGS:
                raise SigningFileError("bad-opening", "openings are not a short list")
            items.append(SigningItem(Envelope.from_json(item["envelope"]), tuple(map(Opening.from_json, openings))))
        return cls(exchange, tuple(items))

    def check(self, now: int) -> None:
        """Refuse the file when any statement must not be signed at `now` (seconds). Raises SigningFileError, BadKey.

        See `check_item` for the codes; a statement that stands twice is `repeated`.
        """
        seen: set[str] = set()
        for item in self.items:
            if item.envelope.statement_id in seen:
                raise SigningFileError("repeated", "a statement stands twice in the file")
            seen.add(item.envelope.statement_id)
            check_item(item, self._exchange_id(), now)

    def _exchange_id(self) -> str | None:
        """The file's exchange; in a file that founds one, the founding statement's id."""
        if self.exchange is not None:
            return self.exchange
        founding = [item.envelope.statement_id for item in self.items if item.envelope.kind == "exchange.found"]
        return founding[0] if founding else None

    def sign(self, signer: Signer, now: int) -> "SigningFile":
        """Return the file with this registrar's hybrid signature on every statement that lacks it, after `check`.

        Raises as `check`, and SigningFileError `signed-already` when nothing is left to sign, `not-a-registrar` when a
        founding statement does not name this key.
        """
        self.check(now)
        key_id = signer.public.key_id
        items = []
        for item in self.items:
            if item.envelope.kind == "exchange.found":
                named = {key.key_id for key in named_registrars(body_of(item))}
                if key_id not in named:
                    raise SigningFileError("not-a-registrar", "the founding statement does not name this key")
            if key_id not in item.envelope.signer_ids:
                item = replace(item, envelope=add_signature(item.envelope, signer))
            items.append(item)
        if tuple(items) == self.items:
            raise SigningFileError("signed-already", "this key has signed every statement of the file")
        return replace(self, items=tuple(items))


def body_of(item: SigningItem) -> dict[str, Any]:
    """Parse a statement's body strictly. Raises SigningFileError `bad-body`.

    The signatures are not verified before, because they are what is being made; nothing but this screen acts on it.
    """
    try:
        return decode(item.envelope.body, max_bytes=MAX_BODY)
    except EncodingError as error:
        raise SigningFileError("bad-body", f"a statement's body is not strict JSON: {error.message}") from None


def check_item(item: SigningItem, exchange: str | None, now: int) -> dict[str, Any]:
    """Return the body of a statement that a registrar may sign at `now` (seconds).

    Raises SigningFileError: `bad-body`, `wrong-kind` (registrars do not sign it), `bad-field` (a field is missing,
    unknown or malformed), `wrong-exchange`, `expired`, `bad-opening` (openings and commitments do not agree one to one),
    and BadKey for a key that must not be enrolled.
    """
    body = body_of(item)
    if item.envelope.kind not in _ASKED:
        raise SigningFileError("wrong-kind", f"a registrar does not sign {item.envelope.kind}")
    _, fields, more = _ASKED[item.envelope.kind]
    required, optional = frozenset(f"{_COMMON} {fields}".split()), frozenset(more.split())
    if item.envelope.kind == "exchange.found":
        required -= _NOT_IN_FOUNDING
    unknown, missing = body.keys() - required - optional, required - body.keys()
    if unknown or missing:
        names = ", ".join(sorted(unknown or missing))
        raise SigningFileError(
            "bad-field", f"{item.envelope.kind}: {'unknown' if unknown else 'missing'} field {names}"
        )
    if item.envelope.kind == "exchange.found":
        if exchange != item.envelope.statement_id:
            raise SigningFileError("wrong-exchange", "the file's exchange is not the one this statement founds")
        _check_founding(body)
    elif exchange is None or body["exchange"] != exchange:
        raise SigningFileError("wrong-exchange", "a statement is for another exchange than the file")
    _check_times(body, now)
    if item.envelope.kind == "registrar.rotate":
        _check_registrars(body)
    if item.envelope.kind == "witness.name":
        _check_witnesses(body)
    if item.envelope.kind == "device.enrol":
        check_signing_key(SigningPublicKey.from_json(body["signing"]))
        check_scan_key(_bytes(body["scan"], 32))
    _check_openings(body.get("commitments", {}), item.openings)
    return body


def _check_times(body: dict[str, Any], now: int) -> None:
    for name in _TIMES & body.keys():
        if type(body[name]) is not int or not 0 <= body[name] < MAX_TIME:
            raise SigningFileError("bad-field", f"{name} is not a time")
    at, end = body["at"], body["not_after"]
    if not at < end <= at + MAX_LIFETIME:
        raise SigningFileError("bad-field", "not_after does not lie within seven days after at")
    if now > end:
        raise SigningFileError("expired", "a statement can no longer be accepted; have it prepared again")
    if now < at - CLOCK:
        raise SigningFileError("not-yet", "a statement was prepared in the future; check both clocks")


def _check_registrars(body: dict[str, Any]) -> None:
    registrars, threshold = body["registrars"], body["threshold"]
    if not isinstance(registrars, list):
        raise SigningFileError("bad-field", "registrars are malformed")
    keys = [check_signing_key(SigningPublicKey.from_json(key)) for key in registrars]
    ids = [key.key_id for key in keys]
    if ids != sorted(set(ids)) or not 2 <= len(ids) <= 9:
        raise SigningFileError("bad-field", "registrars are not 2 to 9 distinct keys sorted by key id")
    if type(threshold) is not int or not 2 <= threshold <= len(ids):
        raise SigningFileError("bad-field", "the threshold is not between 2 and the number of registrars")
    if len({key.ed25519 for key in keys}) != len(keys) or len({key.mldsa65 for key in keys}) != len(keys):
        raise SigningFileError("bad-field", "two registrars have half a key in common")


def _check_witnesses(body: dict[str, Any]) -> None:
    witnesses, quorum = body["witnesses"], body["quorum"]
    if not isinstance(witnesses, list) or len(witnesses) > MAX_WITNESSES:
        raise SigningFileError("bad-field", f"witnesses are not a list of at most {MAX_WITNESSES}")
    for witness in witnesses:
        if not isinstance(witness, dict) or witness.keys() != _WITNESS:
            raise SigningFileError("bad-field", "a witness is exactly name, url and two keys")
        if not isinstance(witness["name"], str) or not isinstance(witness["url"], str):
            raise SigningFileError("bad-field", "a witness's name and url are texts")
        check_log_key(_witness_key(witness))
    names = [witness["name"] for witness in witnesses]
    if names != sorted(set(names)):
        raise SigningFileError("bad-field", "witnesses are not distinct and sorted by name")
    if type(quorum) is not int or not (1 if names else 0) <= quorum <= len(names):
        raise SigningFileError(
            "bad-field", "the quorum is not between 1 and the number of witnesses, nor 0 without any"
        )


def _witness_key(witness: dict[str, Any]) -> LogPublicKey:
    """Both keys of a witness. Raises BadKey."""
    return LogPublicKey.from_json({"ed25519": witness["ed25519"], "mldsa44": witness["mldsa44"]})


def _check_founding(body: dict[str, Any]) -> None:
    _check_registrars(body)
    if not isinstance(body["logs"], dict) or body["logs"].keys() != {"journal", "registry"}:
        raise SigningFileError("bad-field", "logs are not exactly journal and registry")
    for key in body["logs"].values():
        check_log_key(LogPublicKey.from_json(key))
    check_statement_key(StatementPublicKey.from_json(body["statement_key"]))


def _check_openings(commitments: Any, openings: tuple[Opening, ...]) -> None:
    """One opening for each commitment, none twice, each with the committed value (M14)."""
    fields = [opening.field for opening in openings]
    if not isinstance(commitments, dict) or sorted(fields) != sorted(commitments):
        raise SigningFileError("bad-opening", "openings and commitments are not the same fields")
    for opening in openings:
        try:
            value = commitment(opening.field, opening.salt, opening.value)
        except EncodingError as error:
            raise SigningFileError("bad-opening", error.message) from None
        if value != commitments[opening.field]:
            raise SigningFileError("bad-opening", f"the opening of {opening.field} is not what was committed to")


def _bytes(value: Any, length: int) -> bytes:
    try:
        return unb64u(value, length=length)
    except EncodingError as error:
        raise SigningFileError("bad-field", error.message) from None


# -- in words --------------------------------------------------------------------------------------


def plain(text: str) -> str:
    """Neutralise a text for the terminal: control, format (bidi), blank and invisible characters become `\\u{…}` (I10).

    A name must not be able to move the cursor, hide what stands before it, turn the reading direction, or begin what looks
    like the next line by filling this one up: of several spaces in a row only the first is shown as one.
    """
    shown = []
    before, marks = "", 0
    for character in text:
        category = unicodedata.category(character)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        hidden = category[0] == "C" or (category[0] == "Z" and (character != " " or before == " "))
        if hidden or character in _INVISIBLE or marks > MAX_MARKS:
            shown.append(f"\\u{{{ord(character):x}}}")
        else:
            shown.append(character)
        before = character
    return "".join(shown)


def alphabets(text: str) -> tuple[str, ...]:
    """The alphabets of a text's letters by the first word of their Unicode names, sorted: `("CYRILLIC", "LATIN")`."""
    return tuple(sorted({unicodedata.name(c, "UNKNOWN").split(" ")[0] for c in text if c.isalpha()}))


def counted(file: SigningFile) -> Iterator[str]:
    """Yield how many statements of each kind a file has: what a long list hides, its end shows."""
    kinds = [item.envelope.kind for item in file.items]
    for kind in sorted(set(kinds)):
        words = _ASKED[kind][0] if kind in _ASKED else "NOT FOR A REGISTRAR"
        yield f"{kinds.count(kind)} x {words} ({kind})"


def describe(item: SigningItem, known: tuple[SigningPublicKey, ...] = ()) -> Iterator[str]:
    """Yield the lines that show one statement: kind in words, every field, openings, id, and who has signed.

    Signatures of the `known` keys, and of the registrars that a founding statement names, are verified; others are
    shown as claims. Malformed values are shown as they are; `check_item` is what refuses. Raises SigningFileError
    `bad-body`.
    """
    envelope, body = item.envelope, body_of(item)
    words = _ASKED[envelope.kind][0] if envelope.kind in _ASKED else "NOT FOR A REGISTRAR"
    yield f"{words} ({envelope.kind})"
    openings = {opening.field: opening.value for opening in item.openings}
    for path, value in _leaves("", body):
        if path.startswith("commitments."):
            field = path.removeprefix("commitments.")
            if field in openings:
                yield f"  {field}: {plain(openings[field])}"
                if len(found := alphabets(openings[field])) > 1:
                    yield f"    CAREFUL: {field} mixes letters of several alphabets: {', '.join(found)}"
        yield f"  {path}: {_shown(path, value)}"
    if envelope.kind == "device.enrol":
        yield f"  fingerprint to compare: {_device_digits(body)}"
    yield f"  statement id: {envelope.statement_id}"
    keys = {key.key_id: key for key in (*known, *named_registrars(body))}
    for key_id in envelope.signer_ids:
        yield f"  signed by {key_id}: {_verdict(envelope, keys.get(key_id))}"
    if not envelope.signatures:
        yield "  signed by nobody yet"


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Flatten to (dotted path, scalar); a public key counts as one value, also the two of a witness, behind its name."""
    if isinstance(value, dict) and value.keys() == _WITNESS:
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


def _shown(path: str, value: Any) -> str:
    name = re.split(r"[.\[]", path)[-1] if not path.endswith("]") else ""
    if name in _TIMES and type(value) is int and 0 <= value < 253_402_300_800:
        return f"{value} = {datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M:%S} UTC"
    if isinstance(value, dict) and value:
        try:
            if name == "possession":
                unb64u(value["ed25519"], length=ED25519_SIGNATURE)
                unb64u(value["mldsa65"], length=MLDSA65_SIGNATURE)
                return "two signatures by the device, which the exchange and every reader verify"
            if "mldsa44" in value and name == "keys":
                return f"compare {witness_fingerprint(LogPublicKey.from_json(value))}"
            if "mldsa44" in value:
                return f"log key, SHA-256 {hashlib.sha256(encode(LogPublicKey.from_json(value).to_json())).hexdigest()}"
            return f"signing key {SigningPublicKey.from_json(value).key_id}"
        except (BadKey, EncodingError):
            pass  # malformed: shown as it is, below
    if isinstance(value, bool):
        return "yes" if value else "no"
    return plain(value) if isinstance(value, str) else plain(encode(value).decode("utf-8"))


def _device_digits(body: dict[str, Any]) -> str:
    try:
        return device_fingerprint(SigningPublicKey.from_json(body["signing"]).key_id, unb64u(body["scan"], length=32))
    except (BadKey, EncodingError, KeyError):
        return "none, the keys are malformed"


def named_registrars(body: dict[str, Any]) -> list[SigningPublicKey]:
    """The registrars that a founding or a rotation names, as far as they can be read."""
    registrars = body.get("registrars")
    if not isinstance(registrars, list):
        return []
    keys = []
    for key in registrars:
        try:
            keys.append(SigningPublicKey.from_json(key))
        except BadKey:
            continue
    return keys


def _verdict(envelope: Envelope, key: SigningPublicKey | None) -> str:
    lines = {line.keyid: line.sig for line in envelope.signatures}
    if key is None:
        return "not verified here, the key is not known"
    try:
        verify_ed25519_bytes(key.ed25519, envelope.pae, lines[f"{key.key_id}:ed25519"])
        verify_mldsa65_bytes(key.mldsa65, envelope.pae, lines[f"{key.key_id}:mldsa65"])
    except KeyError:
        return "INCOMPLETE, one of the two algorithms is missing"
    except SignatureError:
        return "WRONG, the signature does not verify"
    return "verified"
