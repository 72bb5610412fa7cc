"""A statement's envelope as bytes: DSSE v1.0.2, in strict JSON (docs/spec/statements.md, "Envelope").

Parses sizes, alphabets and order. It neither verifies a signature (`keys.verify`) nor reads the body: a body is parsed
only after the signatures over its raw bytes are verified.
"""

import hashlib
import re
from binascii import a2b_base64, b2a_base64
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Any

from keys.encoding import b64, decode, unb64
from keys.errors import EncodingError, EnvelopeError

MAX_BODY = 65_536  # bytes of a statement's body
MAX_SIGNATURES = 32  # lines; a hybrid signer has two
MAX_ENVELOPE = 262_144  # bytes on the wire: body and 32 ML-DSA-65 lines in base64 stay below it
ED25519_SIGNATURE = 64  # bytes
MLDSA65_SIGNATURE = 3309  # bytes
SIGNATURE_BYTES = {"ed25519": ED25519_SIGNATURE, "mldsa65": MLDSA65_SIGNATURE}

_TYPE_PREFIX = "application/vnd.tlp-exchange."
_TYPE_SUFFIX = ".v1+json"
_KIND = re.compile(r"[a-z]{1,32}(\.[a-z][a-z-]{0,31})?")
_KEY_ID = re.compile(r"[0-9a-f]{64}:(ed25519|mldsa65)")
_LINE = re.compile(rb'\{"keyid":"([0-9a-z:]{72})","sig":"([A-Za-z0-9+/=]+)"\}')
_WIRE = re.compile(
    rb'\{"payload":"([A-Za-z0-9+/=]*)","payloadType":"application/vnd\.tlp-exchange\.([a-z.-]+)\.v1\+json",'
    rb'"signatures":\[([^\]]*)\]\}'
)


@lru_cache(maxsize=256)
def payload_type(kind: str) -> str:
    """Return the DSSE payload type of a statement kind. Raises EnvelopeError `bad-kind`."""
    if _KIND.fullmatch(kind) is None:
        raise EnvelopeError("bad-kind", "not the name of a statement kind")
    return _TYPE_PREFIX + kind + _TYPE_SUFFIX


def pae(payload_type: str, body: bytes) -> bytes:
    """Return DSSE's pre-authentication encoding: the bytes that every algorithm signs."""
    name = payload_type.encode("utf-8")
    return b"DSSEv1 %d %b %d %b" % (len(name), name, len(body), body)


@dataclass(frozen=True, slots=True)
class Signature:
    """One line: `keyid` is `<key id>:ed25519` or `<key id>:mldsa65`, `sig` 64 or 3309 bytes."""

    keyid: str
    sig: bytes

    def __post_init__(self) -> None:
        match = _KEY_ID.fullmatch(self.keyid)
        if match is None:
            raise EnvelopeError("bad-keyid", "a keyid is not <64 hexadecimal digits>:<algorithm>")
        if len(self.sig) != SIGNATURE_BYTES[match[1]]:
            raise EnvelopeError("bad-signature-length", "a signature has the wrong length for its algorithm")

    @property
    def key_id(self) -> str:
        """The signer's key id, 64 hexadecimal digits."""
        return self.keyid[:64]

    @property
    def algorithm(self) -> str:
        """`ed25519` or `mldsa65`."""
        return self.keyid[65:]

    def to_json(self) -> dict[str, Any]:
        """One element of the signatures array."""
        return {"keyid": self.keyid, "sig": b64(self.sig)}

    def encode(self) -> bytes:
        """Strict JSON of `to_json`, written at once: neither value has a character that JSON escapes."""
        return b'{"keyid":"%b","sig":"%b"}' % (self.keyid.encode("ascii"), b2a_base64(self.sig, newline=False))


@dataclass(frozen=True, slots=True)
class Envelope:
    """Kind, body bytes and signature lines of one statement; signatures may still be missing.

    The derived values are computed once. Raises EnvelopeError: `bad-kind`, `body-too-large`, `too-many-signatures`.
    """

    kind: str
    body: bytes
    signatures: tuple[Signature, ...]
    _pae: bytes | None = field(default=None, init=False, repr=False, compare=False)
    _statement_id: str | None = field(default=None, init=False, repr=False, compare=False)
    _signatures_hash: str | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        payload_type(self.kind)
        if len(self.body) > MAX_BODY:
            raise EnvelopeError("body-too-large", f"a statement's body has at most {MAX_BODY} bytes")
        if len(self.signatures) > MAX_SIGNATURES:
            raise EnvelopeError("too-many-signatures", f"a statement has at most {MAX_SIGNATURES} signature lines")

    @property
    def pae(self) -> bytes:
        """The signed bytes."""
        value = self._pae
        if value is None:
            value = pae(payload_type(self.kind), self.body)
            object.__setattr__(self, "_pae", value)
        return value

    @property
    def statement_id(self) -> str:
        """hex(SHA-256(PAE)); the signatures are not part of it."""
        value = self._statement_id
        if value is None:
            value = hashlib.sha256(self.pae).hexdigest()
            object.__setattr__(self, "_statement_id", value)
        return value

    @property
    def signatures_hash(self) -> str:
        """hex(SHA-256(strict JSON of the signatures array)): hedged signatures differ each time, the entry keeps
        one set.
        """
        value = self._signatures_hash
        if value is None:
            value = hashlib.sha256(self._lines()).hexdigest()
            object.__setattr__(self, "_signatures_hash", value)
        return value

    @property
    def signer_ids(self) -> tuple[str, ...]:
        """The distinct key ids in the order of the lines. They are claims until `keys.verify` has accepted them."""
        return tuple(dict.fromkeys(line.key_id for line in self.signatures))

    def to_json(self) -> dict[str, Any]:
        """The envelope as a value for strict JSON."""
        return {
            "payload": b64(self.body),
            "payloadType": payload_type(self.kind),
            "signatures": [line.to_json() for line in self.signatures],
        }

    def encode(self) -> bytes:
        """The envelope on the wire: strict JSON of `to_json`, composed as its lines are (`Signature.encode`)."""
        name, payload = payload_type(self.kind).encode("ascii"), b2a_base64(self.body, newline=False)
        return b'{"payload":"%b","payloadType":"%b","signatures":%b}' % (payload, name, self._lines())

    def _lines(self) -> bytes:
        """Strict JSON of the signatures array."""
        return b"[%b]" % b",".join(line.encode() for line in self.signatures)

    @classmethod
    def from_json(cls, obj: Any) -> "Envelope":
        """Read a decoded envelope; lines must be sorted by keyid, none twice.

        Raises EnvelopeError: `bad-envelope`, `bad-kind`, `bad-keyid`, `bad-signature-length`, `signature-order`,
        `body-too-large`, `too-many-signatures`; non-canonical base64 is `bad-envelope`.
        """
        if not isinstance(obj, dict) or obj.keys() != {"payload", "payloadType", "signatures"}:
            raise EnvelopeError("bad-envelope", "an envelope has exactly payload, payloadType and signatures")
        name, lines = obj["payloadType"], obj["signatures"]
        if not isinstance(name, str) or not name.startswith(_TYPE_PREFIX) or not name.endswith(_TYPE_SUFFIX):
            raise EnvelopeError("bad-kind", "not a payload type of this exchange")
        if not isinstance(lines, list):
            raise EnvelopeError("bad-envelope", "signatures are not an array")
        if len(lines) > MAX_SIGNATURES:  # before decoding any
            raise EnvelopeError("too-many-signatures", f"a statement has at most {MAX_SIGNATURES} signature lines")
        signatures = []
        for line in lines:
            if not isinstance(line, dict) or line.keys() != {"keyid", "sig"} or not isinstance(line["keyid"], str):
                raise EnvelopeError("bad-envelope", "a signature line has exactly keyid and sig")
            signatures.append(Signature(line["keyid"], _base64(line["sig"])))
        if any(a.keyid >= b.keyid for a, b in pairwise(signatures)):
            raise EnvelopeError("signature-order", "signature lines are not sorted by keyid, or one stands twice")
        return cls(name[len(_TYPE_PREFIX) : -len(_TYPE_SUFFIX)], _base64(obj["payload"]), tuple(signatures))

    @classmethod
    def decode(cls, data: bytes) -> "Envelope":
        """Read an envelope of at most 262,144 bytes from the wire. Raises EncodingError and EnvelopeError."""
        found = cls._as_written(data)
        return cls.from_json(decode(data, max_bytes=MAX_ENVELOPE)) if found is None else found

    @classmethod
    def _as_written(cls, data: bytes) -> "Envelope | None":
        """The envelope whose `encode` gives exactly these bytes; None when there is none, for `decode` to say why.

        Most envelopes are well formed: these are taken apart where their few fixed keys stand, and not read as JSON.
        """
        match = _WIRE.fullmatch(data) if len(data) <= MAX_ENVELOPE else None
        if match is None or match[3].count(b"{") > MAX_SIGNATURES:
            return None
        try:
            lines = [Signature(keyid.decode("ascii"), a2b_base64(sig)) for keyid, sig in _LINE.findall(match[3])]
            found = cls(match[2].decode("ascii"), a2b_base64(match[1]), tuple(lines))
        except (EnvelopeError, ValueError):
            return None
        signed = found._lines()
        if signed != b"[%b]" % match[3] or b2a_base64(found.body, newline=False) != match[1]:
            return None
        if any(a.keyid >= b.keyid for a, b in pairwise(lines)):
            return None
        object.__setattr__(found, "_signatures_hash", hashlib.sha256(signed).hexdigest())
        return found


def _base64(text: Any) -> bytes:
    try:
        return unb64(text)
    except EncodingError as error:
        raise EnvelopeError("bad-envelope", f"{error.message}") from None
