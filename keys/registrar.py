"""The offline registrar: keys, signing files, and the refusals before a signature.

Spec: docs/spec/statements.md, "Signers" and "Registry kinds".

A signing file is strict JSON that is carried by hand: `{"exchange"?, "format", "statements": [{"envelope", "openings"}]}`;
an envelope in it may still lack signatures. This module has no network and knows no roster: whether a subject exists and
who else must sign is checked by the exchange and by every reader. It checks what one file alone can show. What a file says in
words is `keys/words.py`'s; the terminal is `keys/__main__.py`.
"""

from dataclasses import dataclass, replace
from typing import Any

from keys.encoding import MAX_TIME, SALT_BYTES, b64u, commitment, decode, encode, unb64u, unhex32
from keys.envelope import MAX_BODY, Envelope
from keys.errors import BadKey, EncodingError, KeyFileError, SigningFileError
from keys.sign import SEED, Signer, SoftwareSigner, add_signature
from keys.verify import (
    LogPublicKey,
    SigningPublicKey,
    StatementPublicKey,
    check_log_key,
    check_scan_key,
    check_signing_key,
    check_statement_key,
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

# What a registrar may be asked to sign: fields beside the common ones, fields that may be left out. Words: `keys/texts.py`.
ASKED = {
    "exchange.found": ("origin registrars threshold logs statement_key", ""),
    "registrar.rotate": ("registrars threshold", "previous"),
    "policy.adopt": ("policy", "previous"),
    "witness.name": ("quorum witnesses", "previous"),
    "terms.define": ("version document accept_by", "previous"),
    "organisation.admit": ("organisation kind sectors areas expires commitments", ""),
    "organisation.change": ("organisation kind sectors areas previous", "commitments"),
    "organisation.renew": ("organisation expires previous", ""),
    "organisation.suspend": ("organisation previous", ""),
    "organisation.remove": ("organisation previous", ""),
    "person.enrol": ("organisation person roles topics commitments", ""),
    "person.change": ("person roles topics previous", "commitments"),
    "person.remove": ("person previous", ""),
    "device.enrol": ("person device signing scan possession", "commitments"),
    "device.revoke": ("device previous", ""),
    "client.register": ("organisation sponsor expires commitments", "previous"),
    "circle.define": ("circle curators commitments", "members"),
    "circle.change": ("circle previous", "add remove curators commitments"),
    "opening.erase": ("subject statement fields", "previous"),
}
WITNESS_FIELDS = frozenset({"ed25519", "mldsa44", "name", "url"})
_NOT_IN_FOUNDING = frozenset({"exchange", "seen"})

TIMES = frozenset({"at", "not_after", "expires", "accept_by"})


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


def check_item(item: SigningItem, exchange: str | None, now: int) -> dict[str, Any]:
    """Return the body of a statement that a registrar may sign at `now` (seconds).

    Raises SigningFileError: `bad-body`, `wrong-kind` (registrars do not sign it), `bad-field` (a field is missing,
    unknown or malformed), `wrong-exchange`, `expired`, `bad-opening` (openings and commitments do not agree one to one),
    and BadKey for a key that must not be enrolled.
    """
    body = body_of(item)
    if item.envelope.kind not in ASKED:
        raise SigningFileError("wrong-kind", f"a registrar does not sign {item.envelope.kind}")
    fields, more = ASKED[item.envelope.kind]
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
    for name in TIMES & body.keys():
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
        if not isinstance(witness, dict) or witness.keys() != WITNESS_FIELDS:
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
