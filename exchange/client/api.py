"""Typed calls of an exchange's interface, with the session and nothing else (``docs/spec/interface.md``).

Answers are parsed strictly and bounded; what they *say* is not believed here.  Whoever calls compares with the logs
(``sync``), verifies (``verify``) and decides.  A statement that comes back is an unverified envelope.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from os import urandom
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from exchange.client.answers import (
    MAX_EVIDENCE,
    Accepted,
    AlertAnswer,
    EpochItem,
    ExchangeInfo,
    FeedItem,
    GrantItem,
    Page,
    Polled,
    RegistryItem,
    Shown,
    parse_accepted,
    parse_alert,
    parse_epochs,
    parse_exchange,
    parse_feed_entry,
    parse_grants,
    parse_heads,
    parse_polled,
    parse_registry,
    parse_standing,
)
from exchange.client.errors import BadAnswer, ClientError, Refused, TransportError
from exchange.client.transport import Response, Transport, UnexpectedStatus
from exchange.model.common import NARROW_WINDOW
from exchange.model.problems import first_error
from exchange.model.scalars import BlobRef
from exchange.model.submission import MAX_STATEMENTS, Submission
from exchange.tlog.checkpoint import LogName
from exchange.tlog.tiles import FULL_TILE_BYTES, Bundle, Tile
from keys import encoding
from keys.envelope import Envelope
from keys.errors import KeysError
from keys.sign import Signer, sign_statement
from keys.stanza import MAX_LEAVES, SUMMARY

MAX_ANSWER = 1 << 20
"""Bytes of an ordinary answer: one alert with its stanza and path stays far below."""
MAX_PAGE = 32 << 20
"""Bytes of one page of statements."""
MAX_NOTE = 1 << 16
"""Bytes of a checkpoint with its signatures and many witnesses'."""
MAX_BUNDLE = 256 * (2 + 4096)
"""Bytes of one entry bundle."""
MAX_LEAF_LIST = MAX_LEAVES * SUMMARY
PAGE = 256
"""Statements asked for at once."""
RENEW_BEFORE = 30
"""Seconds before a session's end from which a new one is opened."""
TRANSFER_SECONDS = 600.0
"""Longest transfer of one blob, or of one piece of a large one."""
PIECE = 4 << 20
"""Bytes of one request of a large upload or download; what is larger goes in pieces."""
MAX_DIGITS = 15
POLL_SECONDS = 25
"""How long a poll lets the exchange wait; the transport gives up after half a minute of silence."""

_PROBLEM_TEXT: Final = 500
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Credentials:
    """The device that opens sessions: exchange id, device id and its signer."""

    exchange: str
    device: str
    signer: Signer = field(repr=False)


class ExchangeApi:
    """The exchange at the other end of a transport.

    ``credentials`` open sessions when a call needs one; without them only public calls work.  Raises TransportError,
    Refused (the exchange said no) and BadAnswer from every call.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        clock: Callable[[], int],
        credentials: Credentials | None = None,
        random: Callable[[int], bytes] = urandom,
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._credentials = credentials
        self._random = random
        self._token: str | None = None
        self._token_until = 0

    # -- public ------------------------------------------------------------------------------------------------------

    async def exchange(self) -> ExchangeInfo:
        """Who this exchange says it is: its founding statement and both checkpoints."""
        answer = await self._public("GET", "/v1/exchange", max_bytes=MAX_ANSWER)
        return _parsed(parse_exchange, answer)

    async def checkpoint(self, log: LogName) -> bytes:
        """A log's newest signed checkpoint, as a note."""
        return (await self._public("GET", f"/{log}/checkpoint", max_bytes=MAX_NOTE)).body

    async def witness_standing(self) -> dict[LogName, Shown]:
        """What the exchange says of the witnesses, and each log's newest note with the quorum; nothing of it is verified here."""
        return _parsed(parse_standing, await self._public("GET", "/v1/witnesses", max_bytes=MAX_ANSWER))

    async def tile(self, log: LogName, tile: Tile) -> bytes:
        """A hash tile of a log; what its hashes lead to is for the caller to check."""
        return (await self._public("GET", f"/{log}/{tile.path}", max_bytes=FULL_TILE_BYTES)).body

    async def clear_evidence(self, statement: str) -> bytes:
        """The evidence of a public TLP:CLEAR alert; ``client.clear`` checks it."""
        return (await self._public("GET", f"/clear/{statement}/evidence", max_bytes=MAX_EVIDENCE)).body

    async def post(self, submissions: Sequence[Submission]) -> Accepted:
        """Post at most 256 statements, all or none. Statements authenticate themselves: no session is needed."""
        if not 1 <= len(submissions) <= MAX_STATEMENTS:
            raise ValueError(f"one request holds 1 to {MAX_STATEMENTS} statements")
        items = []
        for submission in submissions:
            item: dict[str, Any] = {"envelope": submission.envelope.to_json()}
            if submission.openings:
                item["openings"] = [opening.to_json() for opening in submission.openings]
            items.append(item)
        body = encoding.encode({"statements": items})
        answer = await self._public("POST", "/v1/statements", body=body, max_bytes=MAX_PAGE)
        accepted = _parsed(parse_accepted, answer)
        if [r.statement for r in accepted.results] != [s.envelope.statement_id for s in submissions]:
            raise BadAnswer("the answer is about other statements than those posted")
        return accepted

    # -- with a session ----------------------------------------------------------------------------------------------

    async def entries(self, log: LogName, bundle: Bundle) -> bytes:
        """An entry bundle of a log."""
        return (await self._private("GET", f"/{log}/{bundle.path}", max_bytes=MAX_BUNDLE)).body

    async def registry_statements(self, start: int) -> Page[RegistryItem]:
        """The registry statements that this member is shown, from an index on; one page."""
        path = f"/v1/registry/statements?start={start}&limit={PAGE}"
        return _parsed(parse_registry, await self._private("GET", path, max_bytes=MAX_PAGE))

    async def epochs(self, start: int) -> Page[EpochItem]:
        """The ``epoch.publish`` statements from a journal index on; one page."""
        path = f"/v1/epochs?start={start}&limit={PAGE}"
        return _parsed(parse_epochs, await self._private("GET", path, max_bytes=MAX_PAGE))

    async def alert(self, statement: str, tag: bytes | None) -> AlertAnswer:
        """An alert by its statement id, with this device's leaf, or the neighbours of its tag."""
        query = "" if tag is None else f"?tag={encoding.b64u(tag)}"
        answer = await self._private("GET", f"/v1/alerts/{statement}{query}", max_bytes=MAX_ANSWER)
        return _parsed(parse_alert, answer)

    async def grants(self, start: int, limit: int = PAGE) -> Page[GrantItem]:
        """Grants to or by this device from a journal index on; one page."""
        path = f"/v1/grants?start={start}&limit={limit}"
        return _parsed(parse_grants, await self._private("GET", path, max_bytes=MAX_PAGE))

    async def leaves(self, statement: str) -> bytes:
        """An alert's leaf list, 72 bytes a leaf."""
        return (await self._private("GET", f"/v1/alerts/{statement}/leaves", max_bytes=MAX_LEAF_LIST)).body

    async def receipts(self, statement: str) -> dict[str, Any]:
        """What the exchange says about receipts of one's own alert; a claim, not verified."""
        return _json(await self._private("GET", f"/v1/alerts/{statement}/receipts", max_bytes=MAX_PAGE))

    async def reactions(self, statement: str) -> AsyncIterator[tuple[int, Envelope]]:
        """Journal index and envelope of everything said about an alert of one's own organisation, unverified."""
        async for item in self._said(f"/v1/alerts/{statement}/reactions"):
            yield item

    async def grants_about(self, statement: str) -> AsyncIterator[tuple[int, Envelope]]:
        """Journal index and envelope of the grants of an alert of one's own organisation, unverified."""
        async for item in self._said(f"/v1/alerts/{statement}/grants"):
            yield item

    async def answers(self) -> AsyncIterator[tuple[int, Envelope]]:
        """Journal index and envelope of the answers to one's own organisation, unverified."""
        async for item in self._said("/v1/answers"):
            yield item

    async def _said(self, path: str) -> AsyncIterator[tuple[int, Envelope]]:
        start: int | None = 0
        while start is not None:
            page = _parsed(parse_epochs, await self._private("GET", f"{path}?start={start}", max_bytes=MAX_PAGE))
            if page.next is not None and page.next <= start:
                raise BadAnswer("next: a page leads on to a later index")
            for item in page.items:
                yield item.index, item.envelope
            start = page.next

    async def statement(self, statement: str, signers: int | None = None) -> Envelope:
        """A statement's envelope by its id, unverified but for the id: the newest signature set, or that of so many signers."""
        query = "" if signers is None else f"?signers={signers}"
        answer = _json(await self._private("GET", f"/v1/statements/{statement}{query}", max_bytes=MAX_ANSWER))
        try:
            envelope = Envelope.from_json(answer.get("envelope"))
        except KeysError as error:
            raise BadAnswer(f"envelope: {error}") from None
        if envelope.statement_id != statement:
            raise BadAnswer("the answer is another statement than the one asked for")
        return envelope

    async def put_blob(self, data: bytes) -> BlobRef:
        """Upload a blob under its hash; a blob that is known already is fine."""
        reference = BlobRef(length=len(data), sha256=sha256(data).hexdigest())
        headers = {"Content-Type": "application/octet-stream"}
        await self._private(
            "PUT",
            f"/v1/blobs/{reference.sha256}",
            headers=headers,
            body=data,
            max_bytes=MAX_ANSWER,
            timeout=TRANSFER_SECONDS,
        )
        return reference

    async def upload(
        self, reference: BlobRef, read: Callable[[int, int], bytes], told: Callable[[int, int], None]
    ) -> None:
        """Upload a large blob in pieces, from where an earlier upload of it stopped.

        ``read`` gives at most so many bytes from an offset on, ``told`` hears how far it is. Raises as every call.
        """
        path = f"/v1/blobs/{reference.sha256}"
        done, complete = await self._uploaded(path)
        while not complete:
            told(done, reference.length)
            piece = read(done, PIECE)
            headers = {
                "Content-Type": "application/partial-upload",
                "Upload-Length": str(reference.length),
                "Upload-Offset": str(done),
            }
            try:
                answer = await self._private(
                    "PATCH", path, headers=headers, body=piece, max_bytes=MAX_ANSWER, timeout=TRANSFER_SECONDS
                )
            except Refused as refusal:
                if refusal.code != "upload-offset":
                    raise
                before, (done, complete) = done, await self._uploaded(path)
                if not complete and done <= before:
                    raise  # the same place again: nothing is gained by asking once more
                continue
            before, (done, complete) = done, _upload_state(answer)
            if not complete and not before < done <= reference.length:
                raise BadAnswer("the upload does not go on")
        told(reference.length, reference.length)

    async def _uploaded(self, path: str) -> tuple[int, bool]:
        try:
            return _upload_state(await self._private("HEAD", path, max_bytes=MAX_ANSWER))
        except Refused as refusal:
            if refusal.status == 404:
                return 0, False
            raise

    async def get_range(self, reference: BlobRef, start: int, size: int) -> bytes:
        """``size`` bytes of a blob from ``start`` on; whether they are the right ones is for the caller to check."""
        answer = await self._private(
            "GET",
            f"/v1/blobs/{reference.sha256}",
            headers={"Range": f"bytes={start}-{start + size - 1}"},
            max_bytes=size,
            timeout=TRANSFER_SECONDS,
        )
        if answer.status != 206 or len(answer.body) != size:
            raise BadAnswer("the exchange answered with another range than the one asked for")
        return answer.body

    async def get_blob(self, reference: BlobRef) -> bytes:
        """At most ``reference.length`` bytes of a blob; whether they are the right ones is for the caller to check."""
        answer = await self._private(
            "GET", f"/v1/blobs/{reference.sha256}", max_bytes=reference.length, timeout=TRANSFER_SECONDS
        )
        return answer.body

    async def feed(self, cursor: int) -> AsyncIterator[FeedItem]:
        """Follow the journal from an index on; hints only."""
        token = await self._session()
        headers = {"Authorization": f"Bearer {token}", "Last-Event-ID": str(cursor)}
        try:
            async for event in self._transport.stream(f"/v1/feed?cursor={cursor}", headers=headers):
                if event.event == "entry":
                    yield _parsed_json(parse_feed_entry, _load(event.data.encode("utf-8")))
                elif event.event == "head":
                    yield _parsed_json(parse_heads, _load(event.data.encode("utf-8")))
        except UnexpectedStatus as refusal:
            if refusal.response.status == 401:
                self._token = None
            raise _problem(refusal.response) from None

    async def poll(self, cursor: int, registry: int, seconds: int = POLL_SECONDS) -> Polled:
        """The same as one answer, within ``seconds``: from a journal index on, and when the registry is longer than that."""
        path = f"/v1/feed/poll?cursor={cursor}&registry={registry}&wait={seconds}"
        return _parsed(parse_polled, await self._private("GET", path, max_bytes=MAX_PAGE))

    # -- the session -------------------------------------------------------------------------------------------------

    async def open_session(self) -> None:
        """Answer the exchange's challenge with this device's signature."""
        credentials = self._credentials
        if credentials is None:
            raise ClientError("no-credentials", "this call needs a device's session")
        challenge = _json(await self._public("POST", "/v1/challenges", body=b"{}", max_bytes=MAX_ANSWER))
        now = self._clock()
        try:
            # The challenge must be one and nothing else: the device would sign whatever stands there.
            value = encoding.b64u(encoding.unb64u(challenge.get("challenge"), length=32))
        except KeysError as error:
            raise BadAnswer(f"challenge: {error}") from None
        body = {
            "at": now,
            "challenge": value,
            "exchange": credentials.exchange,
            "issuer": {"device": credentials.device},
            "nonce": encoding.b64u(self._random(16)),
            "not_after": now + NARROW_WINDOW,
        }
        envelope = sign_statement("session.open", body, credentials.signer, scheme="ed25519")
        answer = _json(await self._public("POST", "/v1/sessions", body=envelope.encode(), max_bytes=MAX_ANSWER))
        token, expires = answer.get("token"), answer.get("expires")
        if not isinstance(token, str) or not 16 <= len(token) <= 512 or not token.isascii() or not token.isprintable():
            raise BadAnswer("token: not a session's token")
        if not isinstance(expires, int):
            raise BadAnswer("expires: not a time")
        self._token, self._token_until = token, expires

    async def close_session(self) -> None:
        """End the session, when there is one."""
        if self._token is not None:
            await self._private("DELETE", "/v1/session", max_bytes=MAX_ANSWER)
            self._token = None

    async def _session(self) -> str:
        if self._token is None or self._clock() >= self._token_until - RENEW_BEFORE:
            await self.open_session()
        if self._token is None:
            raise ClientError("no-credentials", "this call needs a device's session")
        return self._token

    async def _private(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        max_bytes: int,
        timeout: float = 60.0,  # noqa: ASYNC109 - handed through to the transport
    ) -> Response:
        for attempt in (1, 2):
            token = await self._session()
            answer = await self._transport.request(
                method,
                path,
                headers={"Authorization": f"Bearer {token}", **(headers or {})},
                body=body,
                max_bytes=max_bytes,
                timeout=timeout,
            )
            if answer.status != 401 or attempt == 2:
                return _checked(answer)
            self._token = None  # it may have expired early, or the server was restarted: once more, with a new one
        raise AssertionError("unreachable")

    async def _public(self, method: str, path: str, *, body: bytes | None = None, max_bytes: int) -> Response:
        headers = None if body is None else {"Content-Type": "application/json"}
        return _checked(await self._transport.request(method, path, headers=headers, body=body, max_bytes=max_bytes))


# -- reading answers ---------------------------------------------------------------------------------------------------


def _upload_state(answer: Response) -> tuple[int, bool]:
    """How far an upload is, and whether it is done, from the answer's headers."""
    offset = answer.headers.get("upload-offset", "")
    if not offset.isascii() or not offset.isdigit() or len(offset) > MAX_DIGITS:
        raise BadAnswer("Upload-Offset: not a number")
    return int(offset), answer.headers.get("upload-complete") == "?1"


def _checked(answer: Response) -> Response:
    if 200 <= answer.status < 300:
        return answer
    raise _problem(answer)


def _problem(answer: Response) -> ClientError:
    """The error that a problem body describes; what is not one becomes ``http-<status>``."""
    if 300 <= answer.status < 400:
        return TransportError("redirect", "the exchange answered with a redirect, which is never followed")
    try:
        problem = _load(answer.body)
    except BadAnswer:
        problem = {}
    code = problem.get("code")
    if not isinstance(code, str) or not 1 <= len(code) <= 64 or not code.isascii() or not code.isprintable():
        code = f"http-{answer.status}"
    detail, rule, index = problem.get("detail"), problem.get("rule"), problem.get("index")
    differs = problem.get("differs")
    known: dict[str, list[str]] = {}
    if isinstance(differs, dict):
        for name, values in differs.items():
            if isinstance(values, list):
                known[str(name)[:64]] = [str(value)[:128] for value in values[:50]]
    return Refused(
        code,
        detail[:_PROBLEM_TEXT] if isinstance(detail, str) else f"the exchange answered with status {answer.status}",
        status=answer.status,
        rule=rule[:16] if isinstance(rule, str) else "",
        differs=known,
        index=index if isinstance(index, int) else None,
    )


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise BadAnswer("a key stands twice in one object")
    return value


def _no_number(text: str) -> Any:
    raise BadAnswer("a number is not an integer")


def _load(body: bytes) -> dict[str, Any]:
    """An answer as an object. Signed values inside are checked byte by byte where they are read."""
    try:
        value = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_no_duplicates,
            parse_constant=_no_number,
            parse_float=_no_number,
        )
    except (ValueError, RecursionError):
        raise BadAnswer("the body is not JSON") from None
    if not isinstance(value, dict):
        raise BadAnswer("the body is not an object")
    return value


def _json(answer: Response) -> dict[str, Any]:
    return _load(answer.body)


def _parsed(parse: Callable[[dict[str, Any]], T], answer: Response) -> T:
    return _parsed_json(parse, _load(answer.body))


def _parsed_json(parse: Callable[[dict[str, Any]], T], value: dict[str, Any]) -> T:
    try:
        return parse(value)
    except ValidationError as error:
        raise BadAnswer(first_error(error)) from None
    except KeysError as error:
        raise BadAnswer(str(error)) from None
    except (KeyError, TypeError, ValueError) as error:
        raise BadAnswer(f"the answer is not what the interface says ({type(error).__name__})") from None
