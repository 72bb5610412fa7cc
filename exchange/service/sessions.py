"""Challenges and sessions (``docs/spec/interface.md``): who is calling, checked against the roster at every request.

A challenge is stateless: an expiry and random bytes under a key of this process, so that asking for one costs no memory; the
used ones are remembered until they expire, which stops a replay. A session is a random token, kept as its SHA-256 and in
memory only: a restart ends all of them, a stolen copy of the store opens none, and nothing on disk says who read when.

A session proves which device calls, not that it is still welcome: `Sessions.reader` asks the roster each time.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from os import urandom

from exchange.config import Limits
from exchange.model.journal import SessionOpen
from exchange.model.problems import Malformed
from exchange.model.statements import parse_statement
from exchange.model.window import WINDOW_SENTENCES, window_fault
from exchange.service.denied import Denied
from exchange.service.state import ExchangeState
from exchange.service.visibility import Reader, reader_of
from keys import encoding
from keys.envelope import Envelope
from keys.errors import EncodingError, KeysError
from keys.verify import verify_ed25519

CHALLENGE_SECONDS = 60
"""Time to answer a challenge: one signature and one round trip."""
TOKEN_BYTES = 32
_EXPIRY_BYTES = 5
_RANDOM_BYTES = 11
_MAC_BYTES = 16
"""5 + 11 + 16 = the 32 bytes of a challenge."""

Clock = Callable[[], int]
Random = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Session:
    """An open session: SHA-256 of its token, its device, and when it ends (seconds)."""

    token_hash: bytes
    device: str
    expires: int


class Sessions:
    """All open sessions of this process; bounded by the number of enrolled devices times ``sessions_per_device``."""

    def __init__(self, state: ExchangeState, clock: Clock, limits: Limits, random: Random = urandom) -> None:
        self._state = state
        self._clock = clock
        self._limits = limits
        self._random = random
        self._key = random(32)
        self._used: dict[bytes, int] = {}
        self._open: dict[bytes, Session] = {}
        self._of_device: dict[str, list[bytes]] = {}

    # -- challenges -----------------------------------------------------------------------------------------------

    def challenge(self) -> tuple[bytes, int]:
        """A fresh challenge (32 bytes) and when it expires (seconds)."""
        expires = self._clock() + CHALLENGE_SECONDS
        head = expires.to_bytes(_EXPIRY_BYTES, "big") + self._random(_RANDOM_BYTES)
        return head + self._mac(head), expires

    def _mac(self, head: bytes) -> bytes:
        return hmac.digest(self._key, head, "sha256")[:_MAC_BYTES]

    def _check_challenge(self, challenge: bytes, now: int) -> int:
        head, mac = challenge[: _EXPIRY_BYTES + _RANDOM_BYTES], challenge[_EXPIRY_BYTES + _RANDOM_BYTES :]
        if not hmac.compare_digest(mac, self._mac(head)):
            raise Denied("challenge-unknown", "the challenge is not one of this server, or from before its restart")
        expires = int.from_bytes(head[:_EXPIRY_BYTES], "big")
        if now >= expires:
            raise Denied("challenge-expired", "the challenge has expired; ask for another one")
        if challenge in self._used:
            raise Denied("challenge-used", "the challenge was answered before")
        return expires

    # -- opening and ending ---------------------------------------------------------------------------------------

    def open(self, envelope: Envelope) -> tuple[str, Session]:
        """Open a session for the device that signed a ``session.open``; the token as base64url, and the session.

        Raises Denied: ``signer-unknown``, ``signature-invalid`` and the other codes of `keys.verify`, ``other-exchange``,
        ``issuer-not-signer``, ``not-yet``, ``too-late``, ``challenge-unknown``, ``challenge-expired``, ``challenge-used``;
        with rule R1 the reason why the device is not in force. Raises Malformed for a body that is no ``session.open``.
        """
        now = self._clock()
        roster = self._state.roster_now(now)
        device = self._verified(envelope)
        statement = parse_statement(envelope)
        body = statement.body
        if not isinstance(body, SessionOpen):
            raise Malformed("kind-unexpected", f"{envelope.kind} opens no session")
        if body.exchange != self._state.exchange:
            raise Denied("other-exchange", "the statement is for another exchange")
        if body.issuer.device != device:
            raise Denied("issuer-not-signer", "the issuer did not sign")
        fault = window_fault(body.at, body.not_after, now, narrow=True)
        if fault is not None:
            raise Denied(fault, f"{WINDOW_SENTENCES[fault]}; compare your clock")
        challenge = encoding.unb64u(body.challenge, length=32)
        expires = self._check_challenge(challenge, now)
        reader_of(roster, device)
        self._sweep(now)
        self._used[challenge] = expires
        return self._new(device, now)

    def _verified(self, envelope: Envelope) -> str:
        """The device whose single Ed25519 line this is, verified over the raw bytes before the body is parsed."""
        facts = self._state.roster.facts
        signers = envelope.signer_ids
        device = facts.device_of_key.get(signers[0]) if len(signers) == 1 else None
        if device is None:
            raise Denied("signer-unknown", "exactly one enrolled device signs a session.open", rule="V3")
        try:
            verify_ed25519(envelope, facts.devices[device].signing)
        except KeysError as error:
            raise Denied(error.code, error.message, rule="V3") from None
        return device

    def _new(self, device: str, now: int) -> tuple[str, Session]:
        token = self._random(TOKEN_BYTES)
        session = Session(hashlib.sha256(token).digest(), device, now + self._limits.session_seconds)
        own = self._of_device.setdefault(device, [])
        while len(own) >= self._limits.sessions_per_device:
            self._open.pop(own.pop(0), None)
        own.append(session.token_hash)
        self._open[session.token_hash] = session
        return encoding.b64u(token), session

    def end(self, session: Session) -> None:
        """End one session, when it is still there."""
        self._drop(session)

    def end_device(self, device: str) -> int:
        """End all sessions of a device that is no longer in force; how many there were."""
        own = self._of_device.pop(device, [])
        return sum(self._open.pop(token_hash, None) is not None for token_hash in own)

    def _drop(self, session: Session) -> None:
        if self._open.pop(session.token_hash, None) is None:
            return
        own = self._of_device.get(session.device, [])
        if session.token_hash in own:
            own.remove(session.token_hash)
        if not own:
            self._of_device.pop(session.device, None)

    def _sweep(self, now: int) -> None:
        """Forget what has expired: at each opening, so that memory follows use."""
        for challenge in [c for c, expires in self._used.items() if expires <= now]:
            del self._used[challenge]
        for session in [s for s in self._open.values() if s.expires <= now]:
            self._drop(session)

    # -- every request --------------------------------------------------------------------------------------------

    def find(self, token: str) -> Session:
        """The session of a token. Raises Denied (``session-unknown``): none, ended, expired, or not a token at all."""
        try:
            raw = encoding.unb64u(token, length=TOKEN_BYTES)
        except EncodingError:
            raise Denied("session-unknown", "there is no such session; open a new one") from None
        session = self._open.get(hashlib.sha256(raw).digest())
        if session is None or session.expires <= self._clock():
            raise Denied("session-unknown", "there is no such session; open a new one")
        return session

    def reader(self, session: Session) -> Reader:
        """Who calls, by the roster of this moment. Raises Denied (rule R1) when the device is no longer in force; its
        sessions are ended then."""
        try:
            return reader_of(self._state.roster_now(self._clock()), session.device)
        except Denied:
            self.end_device(session.device)
            raise
