"""Short messages inside a statement, sealed to a few devices (docs/spec/sharing.md, "Messages"). Member side only.

A reaction, a question to the source and its answer are such messages. The statement around one is signed by its author's
device and this module signs nothing: who wrote it is for the caller to have verified before opening. All messages are of
one size, so the length of a text tells nothing.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from os import urandom

from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke

from keys.encoding import ID_BYTES, b64u, unhex32
from keys.errors import EncodingError, OpenError
from keys.kem import CONTENT_KEY, STANZA, SUITE, EpochPublicKey
from keys.labels import Use, ds
from keys.seal import padded
from keys.unseal import expand_seed, unpad

MAX_MESSAGE = 4000
"""Bytes of a message's plaintext: with its length in front it fits into the smallest padded size, so all are alike."""
MAX_TARGETS = 24
"""Devices: more stanzas would not fit into a statement's 64 KiB."""

Random = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Binding:
    """What a message belongs to: exchange id (hex), issuer's device id (16 bytes), the statement's nonce (16), and the
    statement that it is about (hex). A message moved to another statement does not open."""

    exchange: str
    device: bytes
    nonce: bytes
    subject: str

    def __post_init__(self) -> None:
        if len(self.device) != ID_BYTES or len(self.nonce) != ID_BYTES:
            raise ValueError("a device id and a nonce have 16 bytes")

    @property
    def digest(self) -> bytes:
        """SHA-256 of the four, raw, in this order."""
        raw = unhex32(self.exchange) + self.device + self.nonce + unhex32(self.subject)
        return hashlib.sha256(raw).digest()


@dataclass(frozen=True, slots=True)
class MessageTarget:
    """A device that a message is for: id (16 bytes), week, and its epoch key of that week (1216 bytes)."""

    device: bytes
    week: int
    epoch_key: bytes


@dataclass(frozen=True, slots=True)
class SealedMessage:
    """The ciphertext, and (device id, 1168-byte stanza) for each device, sorted by the device id as JSON writes it."""

    ciphertext: bytes = field(repr=False)
    stanzas: tuple[tuple[bytes, bytes], ...] = field(repr=False)


def message_context(binding: Binding) -> bytes:
    """Context of the encryption: DS(message) ‖ SHA-256 of the binding."""
    return ds(Use.MESSAGE) + binding.digest


def message_info(binding: Binding, ciphertext: bytes, device: bytes, week: int, key_hash: bytes) -> bytes:
    """HPKE info: DS(message-stanza) ‖ SHA-256(binding) ‖ SHA-256(ciphertext) ‖ device id ‖ week ‖ key hash."""
    return (
        ds(Use.MESSAGE_STANZA)
        + binding.digest
        + hashlib.sha256(ciphertext).digest()
        + device
        + week.to_bytes(4, "big")
        + key_hash
    )


def seal_message(
    binding: Binding, plaintext: bytes, targets: Sequence[MessageTarget], random: Random = urandom
) -> SealedMessage:
    """Seal at most 4,000 bytes to 1 to 24 devices.

    Raises EncodingError `message-too-long`, `message-targets` (none, too many, or one twice); BadKey `bad-epoch-key`.
    """
    if len(plaintext) > MAX_MESSAGE:
        raise EncodingError("message-too-long", f"a message has at most {MAX_MESSAGE} bytes")
    if not 1 <= len(targets) <= MAX_TARGETS or len({target.device for target in targets}) != len(targets):
        raise EncodingError("message-targets", f"a message is for 1 to {MAX_TARGETS} devices, each named once")
    key = random(CONTENT_KEY)
    encryptor = Cobblestone256Encryptor(key, message_context(binding))
    ciphertext = encryptor.update(padded(plaintext)) + encryptor.finalize()
    stanzas = []
    for target in sorted(targets, key=lambda target: b64u(target.device)):
        public = EpochPublicKey(target.epoch_key)
        info = message_info(binding, ciphertext, target.device, target.week, public.hash)
        stanzas.append((target.device, public.seal(key, info)))
    return SealedMessage(ciphertext, tuple(stanzas))


def open_message(binding: Binding, ciphertext: bytes, stanza: bytes, *, device: bytes, week: int, seed: bytes) -> bytes:
    """Return the plaintext, with this device's stanza and the 32-byte seed of its key of that week.

    Raises OpenError `message-invalid`: altered, moved to another statement, or sealed to another key; `padding-invalid`.
    """
    if len(stanza) != STANZA:
        raise OpenError("message-invalid", f"a message's stanza has {STANZA} bytes")
    post_quantum, classical = expand_seed(seed)
    public = EpochPublicKey(post_quantum.public_key().public_bytes_raw() + classical.public_key().public_bytes_raw())
    info = message_info(binding, ciphertext, device, week, public.hash)
    try:
        key = SUITE.decrypt(stanza, hpke.MLKEM768X25519PrivateKey(post_quantum, classical), info)
        if len(key) != CONTENT_KEY:
            raise ValueError("not a message key")
        decryptor = Cobblestone256Decryptor(key, message_context(binding))
        data = decryptor.update(ciphertext) + decryptor.finalize()
    except (InvalidTag, ValueError):
        raise OpenError("message-invalid", "the message does not open with this device's key") from None
    return unpad(data)
