"""A device's identity: signing key, scan key and weekly epoch keys. Member side only.

Spec: docs/spec/encoding.md, "Keys in JSON"; docs/spec/statements.md, `device.enrol` and `epoch.publish`.

The value is frozen; what changes it returns a new one, and the caller stores that one (`keys.keyfile`) *before* it
publishes: a published key whose seed was lost makes alerts that nobody can open. Destroying a week's seed is what makes
old alerts unreadable after a theft; copies of the key file keep it alive, so back up with care.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from os import urandom
from types import MappingProxyType
from typing import Any

from nacl import bindings

from keys.encoding import ID_BYTES, b64u, decode, encode, unb64u, week_range
from keys.errors import BadKey, EncodingError, KeyFileError, OpenError
from keys.grant import grant_tag
from keys.kem import EPOCH_SEED, EpochPublicKey
from keys.seal import shared_secret
from keys.sign import SEED, SoftwareSigner
from keys.stanza import alert_tag
from keys.unseal import epoch_public
from keys.verify import SigningPublicKey, device_fingerprint, possession_message

FORMAT = "tlp-exchange-device/v1"
GRACE = 14 * 86_400  # seconds after a week's end during which its seed is kept
MAX_EPOCHS = 128  # seeds in one identity: 60 weeks ahead, those behind, and room
MAX_IDENTITY = 65_536  # bytes of the stored form

Random = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class DeviceIdentity:
    """The secrets of one device: 16-byte device id, signer, scan secret, epoch seeds by week, key of the local store.

    Never shown by `repr`, never pickled.
    """

    device: bytes
    signer: SoftwareSigner
    scan_secret: bytes = field(repr=False)
    vault_key: bytes = field(repr=False)
    epochs: Mapping[int, bytes] = field(repr=False)
    scan: bytes = field(init=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.device) != ID_BYTES or len(self.scan_secret) != 32 or len(self.vault_key) != 32:
            raise ValueError("a device id has 16 bytes, scan secret and vault key have 32")
        object.__setattr__(self, "epochs", MappingProxyType(dict(sorted(self.epochs.items()))))
        object.__setattr__(self, "scan", bindings.crypto_scalarmult_base(self.scan_secret))

    def __reduce__(self) -> Any:
        raise TypeError("a private key is not pickled")

    @classmethod
    def create(cls, random: Random = urandom) -> "DeviceIdentity":
        """Make a new device with independent random secrets and no epoch keys yet."""
        return cls(random(ID_BYTES), SoftwareSigner.generate(random), random(32), random(32), {})

    # -- enrolment ---------------------------------------------------------------------------------

    @property
    def public(self) -> SigningPublicKey:
        """The public signing key."""
        return self.signer.public

    @property
    def fingerprint(self) -> str:
        """The 12 groups of 5 digits to compare by telephone before the device is enrolled."""
        return device_fingerprint(self.public.key_id, self.scan)

    def request(self) -> dict[str, Any]:
        """The public fields of `device.enrol`: `{"device", "scan", "signing"}`."""
        return {"device": b64u(self.device), "scan": b64u(self.scan), "signing": self.public.to_json()}

    def possession(self, *, exchange: str, organisation: bytes, person: bytes) -> dict[str, str]:
        """The proof of possession for this person of this organisation (ids of 16 bytes, exchange id in hex).

        Returns `{"ed25519": bytes(64), "mldsa65": bytes(3309)}` as it stands in `device.enrol`.
        """
        message = possession_message(
            exchange=exchange,
            organisation=organisation,
            person=person,
            device=self.device,
            signing=self.public,
            scan=self.scan,
        )
        ed25519, mldsa65 = self.signer.sign_hybrid(message)
        return {"ed25519": b64u(ed25519), "mldsa65": b64u(mldsa65)}

    # -- epoch keys --------------------------------------------------------------------------------

    def new_epochs(
        self, weeks: Iterable[int], random: Random = urandom
    ) -> tuple[bytes, list[tuple[int, str]], "DeviceIdentity"]:
        """Make fresh keys for these weeks.

        Returns (bundle, [(week, hex SHA-256)] ascending, the updated identity, which is to be stored first).
        Raises ValueError when a week has a key already (a week is published once; `bundle` repeats what was made) or
        more than 128 would be kept, EncodingError `bad-week`.
        """
        wanted = sorted(weeks)
        if any(week in self.epochs for week in wanted) or len(set(wanted)) != len(wanted):
            raise ValueError("a week has its key already")
        if len(self.epochs) + len(wanted) > MAX_EPOCHS:
            raise ValueError(f"an identity keeps at most {MAX_EPOCHS} epoch keys")
        for week in wanted:
            week_range(week)
        # Each seed is fresh: a seed derived from a lasting secret could be derived again after it was destroyed.
        updated = replace(self, epochs={**self.epochs, **{week: random(EPOCH_SEED) for week in wanted}})
        bundle, keys = updated.bundle(wanted)
        return bundle, keys, updated

    def bundle(self, weeks: Iterable[int]) -> tuple[bytes, list[tuple[int, str]]]:
        """Repeat the bundle of weeks that have keys (when publishing was interrupted).

        Raises OpenError `no-epoch-key`.
        """
        publics = [(week, self.epoch_key(week)) for week in sorted(weeks)]
        return b"".join(key.raw for _, key in publics), [(week, key.hash.hex()) for week, key in publics]

    def epoch_seed(self, week: int) -> bytes:
        """The seed of a week. Raises OpenError `no-epoch-key` when it was never made or is destroyed."""
        try:
            return self.epochs[week]
        except KeyError:
            raise OpenError("no-epoch-key", "this device has no key of that week, or no longer") from None

    def epoch_key(self, week: int) -> EpochPublicKey:
        """The public key of a week. Raises as `epoch_seed`."""
        return epoch_public(self.epoch_seed(week))

    def destroy_expired(self, now: int) -> "DeviceIdentity":
        """Return the identity without the seeds of weeks that ended two weeks or more before `now` (seconds)."""
        return replace(self, epochs={w: seed for w, seed in self.epochs.items() if now < week_range(w)[1] + GRACE})

    # -- reading -----------------------------------------------------------------------------------

    def tag(self, ephemeral: bytes, alert_id: bytes, version: int) -> bytes:
        """This device's 8-byte tag for an alert, from the entry alone. Raises OpenError `bad-ephemeral`."""
        return alert_tag(self._shared(ephemeral), alert_id, version)

    def grant_tag(self, ephemeral: bytes) -> bytes:
        """This device's 8-byte tag for a grant, from the entry alone. Raises OpenError `bad-ephemeral`."""
        return grant_tag(self._shared(ephemeral), ephemeral)

    def _shared(self, ephemeral: bytes) -> bytes:
        try:
            return shared_secret(self.scan_secret, ephemeral)
        except BadKey:
            raise OpenError("bad-ephemeral", "the ephemeral key is not usable") from None

    # -- storage -----------------------------------------------------------------------------------

    def encode(self) -> bytes:
        """The secrets as strict JSON, for the inside of a key file only."""
        return encode(
            {
                "device": b64u(self.device),
                "epochs": [{"seed": b64u(seed), "week": week} for week, seed in self.epochs.items()],
                "format": FORMAT,
                "scan": b64u(self.scan_secret),
                "signing": {"ed25519": b64u(self.signer.ed25519_seed), "mldsa65": b64u(self.signer.mldsa65_seed)},
                "vault": b64u(self.vault_key),
            }
        )

    @classmethod
    def decode(cls, data: bytes) -> "DeviceIdentity":
        """Read the stored form. Raises KeyFileError `bad-identity`."""
        try:
            return cls._from_json(decode(data, max_bytes=MAX_IDENTITY))
        except (EncodingError, KeyError, TypeError, ValueError):
            raise KeyFileError("bad-identity", "the key file does not hold a device's identity") from None

    @classmethod
    def _from_json(cls, obj: dict[str, Any]) -> "DeviceIdentity":
        epochs, signing = obj["epochs"], obj["signing"]
        if not isinstance(epochs, list) or len(epochs) > MAX_EPOCHS or len(signing) != 2:
            raise ValueError("not this format")
        if obj["format"] != FORMAT or len(obj) != 6:
            raise ValueError("not this format")
        weeks = [item["week"] for item in epochs if len(item) == 2]
        if len(weeks) != len(epochs) or weeks != sorted(set(weeks)):
            raise ValueError("weeks are not ascending")
        for week in weeks:
            week_range(week)
        return cls(
            device=unb64u(obj["device"], length=ID_BYTES),
            signer=SoftwareSigner(unb64u(signing["ed25519"], length=SEED), unb64u(signing["mldsa65"], length=SEED)),
            scan_secret=unb64u(obj["scan"], length=32),
            vault_key=unb64u(obj["vault"], length=32),
            epochs={item["week"]: unb64u(item["seed"], length=EPOCH_SEED) for item in epochs},
        )
