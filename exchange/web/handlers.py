"""The handlers of the JSON interface, in the order of the route table. They translate; services decide."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from pydantic import ValidationError

from exchange.listen.connections import Connection
from exchange.model.problems import Malformed, first_error
from exchange.model.statements import Opening
from exchange.model.submission import MAX_STATEMENTS, Accepted, Refused, Submission
from exchange.service.answers import array, composed, hashes, note, value
from exchange.service.denied import Denied
from exchange.service.feed import LONGEST_WAIT, Stream
from exchange.service.reading import DEFAULT_PAGE, MAX_PAGE
from exchange.service.uploads import APPEND_BYTES, Progress
from exchange.store.blobs import BlobRow
from exchange.tlog.checkpoint import LogName
from exchange.tlog.tiles import Bundle, Tile, parse_path
from exchange.web.errors import WebProblem
from exchange.web.requests import (
    MAX_SMALL_BODY,
    Call,
    announced_length,
    body,
    byte_range,
    header_integer,
    integer,
    json_body,
    upload_pieces,
)
from exchange.web.schemas import MAX_OPENINGS
from keys import encoding
from keys.envelope import Envelope
from keys.errors import EncodingError, EnvelopeError
from keys.stanza import TAG

JSON = "application/json"
BINARY = "application/octet-stream"
IMMUTABLE = "public, max-age=31536000, immutable"
PRIVATE_IMMUTABLE = "private, max-age=31536000, immutable"
POLL_SECONDS = 25
"""How long a poll waits when it does not say: less than the half minute after which proxies lose patience."""


def _json(data: bytes, status: int = 200) -> web.Response:
    return web.Response(status=status, body=data, content_type=JSON)


# -- health and exchange ------------------------------------------------------------------------------------------------


async def live(call: Call) -> web.Response:
    """The process answers."""
    return _json(value({"status": "live"}))


async def ready(call: Call) -> web.Response:
    """Statements can be accepted: the store is writable and the head file current. Raises WebProblem otherwise."""
    exchange = call.context.exchange
    if exchange.store.stopped or exchange.sequencer.failure is not None:
        raise WebProblem("writing-stopped", "writing has stopped after a storage error; restart the server")
    return _json(value({"status": "ready"}))


async def exchange_page(call: Call) -> web.Response:
    """The founding statement and both checkpoints."""
    return _json(call.context.reading.exchange())


# -- statements ---------------------------------------------------------------------------------------------------------


async def post_statements(call: Call) -> web.Response:
    """The only write that changes state."""
    context = call.context
    submissions = _submissions(await json_body(call.request, context.config.limits.request_bytes))
    if len(submissions) > context.config.limits.statements_per_request:
        most = context.config.limits.statements_per_request
        raise Refused("batch-size", f"a request has at most {most} statements here")
    try:
        answer = await context.exchange.accept(submissions)
    except Refused as refusal:
        context.claims.refused(submissions[refusal.index].envelope, refusal.code, refusal.rule)
        raise
    return _json(
        composed(
            journal=note(answer.journal),
            registry=note(answer.registry),
            results=array(_result(result) for result in answer.results),
        )
    )


def _submissions(document: dict[str, Any]) -> list[Submission]:
    """``{"statements": [{"envelope", "openings"?}, …]}``; raises Refused with the index of the first that is malformed."""
    items = document.get("statements")
    if document.keys() != {"statements"} or not isinstance(items, list):
        raise Malformed("body-malformed", "the body has exactly statements, a list")
    if not 1 <= len(items) <= MAX_STATEMENTS:
        raise Refused("batch-size", f"a request has 1 to {MAX_STATEMENTS} statements")
    found = []
    for index, item in enumerate(items):
        try:
            found.append(_submission(item))
        except (EncodingError, EnvelopeError) as error:
            raise Refused(error.code, error.message, index=index) from None
        except Malformed as error:
            raise Refused(error.code, error.detail, index=index) from None
    return found


def _submission(item: Any) -> Submission:
    if not isinstance(item, dict) or not {"envelope"} <= item.keys() <= {"envelope", "openings"}:
        raise Malformed("body-malformed", "a statement has an envelope, may have openings, and nothing else")
    openings = item.get("openings", [])
    if not isinstance(openings, list) or len(openings) > MAX_OPENINGS:
        raise Malformed("body-malformed", f"openings are a list of at most {MAX_OPENINGS}")
    try:
        return Submission(
            Envelope.from_json(item["envelope"]), tuple(Opening.model_validate(opening) for opening in openings)
        )
    except ValidationError as error:
        raise Malformed("body-malformed", first_error(error)) from None


def _result(result: Accepted) -> bytes:
    return composed(
        index=value(result.index),
        kind=value(result.kind),
        log=value(result.log),
        newcomers=value(list(result.newcomers)) if result.newcomers else None,
        proof=hashes(result.proof),
        statement=value(result.statement),
        unreached=value(list(result.unreached)) if result.unreached else None,
        unserved=value(list(result.unserved)) if result.unserved else None,
    )


async def get_statement(call: Call) -> web.Response:
    """One statement; of a proposal that gained approvals, the signature set of as many signers as ``signers`` says."""
    query = call.queried()
    signers = integer(query, "signers", 0) if query else None
    return _json(await call.context.reading.statement(call.reader, call.part("id"), signers))


# -- sessions -----------------------------------------------------------------------------------------------------------


async def post_challenge(call: Call) -> web.Response:
    """A challenge for ``session.open``; what the body says does not matter, if there is one."""
    await body(call.request, MAX_SMALL_BODY)
    challenge, expires = call.context.sessions.challenge()
    return _json(value({"challenge": encoding.b64u(challenge), "expires": expires}), 201)


async def post_session(call: Call) -> web.Response:
    """Open a session with a signed ``session.open``."""
    token, session = call.context.sessions.open(Envelope.from_json(await json_body(call.request, MAX_SMALL_BODY)))
    return _json(value({"expires": session.expires, "token": token}), 201)


async def delete_session(call: Call) -> web.Response:
    """End the caller's session, and the streams opened with it."""
    if call.session is not None:
        call.context.sessions.end(call.session)
        call.context.feed.end_session(call.session)
    return web.Response(status=204)


# -- blobs --------------------------------------------------------------------------------------------------------------


async def put_blob(call: Call) -> web.Response:
    """Upload a blob; 200 when it is here already, and then nothing was read."""
    sha256, length = call.part("sha256"), announced_length(call.request)
    upload = await call.context.blobs.upload(call.reader, sha256, length, upload_pieces(call.request))
    return _json(value({"length": upload.length, "sha256": sha256}), 201 if upload.created else 200)


async def head_blob(call: Call) -> web.Response:
    """How far the caller's upload of a blob is."""
    return _progress(await call.context.uploads.progress(call.reader, call.part("sha256")), 204)


async def patch_blob(call: Call) -> web.Response:
    """Add bytes to an upload; 204 while it goes on, 201 when the blob is whole, 200 when it was here already."""
    request = call.request
    offset, total = header_integer(request, "Upload-Offset"), header_integer(request, "Upload-Length")
    progress = await call.context.uploads.append(
        call.reader, call.part("sha256"), offset, total, announced_length(request), upload_pieces(request)
    )
    return _progress(progress, 201 if progress.created else 200 if progress.complete else 204)


def _progress(progress: Progress, status: int) -> web.Response:
    headers = {
        "Cache-Control": "no-store",
        "Upload-Complete": "?1" if progress.complete else "?0",
        "Upload-Length": str(progress.length),
        "Upload-Limit": f"max-append-size={APPEND_BYTES}",
        "Upload-Offset": str(progress.offset),
    }
    return web.Response(status=status, headers=headers)


async def get_blob(call: Call) -> web.StreamResponse:
    """Stream a blob, or the range asked for, to somebody entitled to it."""
    row = await call.context.blobs.open(call.reader, call.part("sha256"))
    return await stream_blob(call, row, {"Cache-Control": PRIVATE_IMMUTABLE, "Content-Type": BINARY})


async def stream_blob(call: Call, row: BlobRow, headers: dict[str, str]) -> web.StreamResponse:
    """A blob's bytes in pieces: all of them, or 206 and those of one range."""
    wanted = byte_range(call.request, row.length)
    start, end = (0, row.length) if wanted is None else wanted
    response = web.StreamResponse(status=200 if wanted is None else 206, headers={**headers, "Accept-Ranges": "bytes"})
    if wanted is not None:
        response.headers["Content-Range"] = f"bytes {start}-{end - 1}/{row.length}"
    response.content_length = end - start
    await response.prepare(call.request)
    async for piece in call.context.blobs.read(row, start, end):
        await response.write(piece)
    await response.write_eof()
    return response


# -- pages --------------------------------------------------------------------------------------------------------------


async def registry_statements(call: Call) -> web.Response:
    """The registry statements that the caller is shown."""
    query = call.queried()
    start, limit = integer(query, "start", 0), min(integer(query, "limit", DEFAULT_PAGE), MAX_PAGE)
    return _json(await call.context.reading.registry_page(call.reader, start, limit))


async def epochs(call: Call) -> web.Response:
    """``epoch.publish`` statements."""
    query = call.queried()
    start, limit = integer(query, "start", 0), min(integer(query, "limit", DEFAULT_PAGE), MAX_PAGE)
    return _json(await call.context.reading.epochs_page(start, limit))


# -- alerts -------------------------------------------------------------------------------------------------------------


async def alert(call: Call) -> web.Response:
    """The caller's own leaf of an alert, or the proof that it has none."""
    text = call.queried().get("tag")
    try:
        tag = None if text is None else encoding.unb64u(text, length=TAG)
    except EncodingError:
        raise WebProblem("query-malformed", f"tag is {TAG} bytes in unpadded base64url") from None
    return _json(await call.context.reading.alert(call.reader, call.part("id"), tag))


async def leaves(call: Call) -> web.Response:
    """The leaf list, binary."""
    data = await call.context.reading.leaves(call.reader, call.part("id"))
    return web.Response(body=data, content_type=BINARY)


async def versions(call: Call) -> web.Response:
    """The released versions of the same alert, oldest first."""
    return _json(await call.context.reading.versions(call.reader, call.part("id")))


async def receipts(call: Call) -> web.Response:
    """Who received an alert, as far as the caller is told."""
    start = integer(call.queried(), "start", 0)
    return _json(await call.context.receipts.view(call.reader, call.part("id"), start))


async def reactions(call: Call) -> web.Response:
    """What recipients said about an alert, sealed to its author's organisation."""
    start = integer(call.queried(), "start", 0)
    return _json(await call.context.messages.about(call.reader, call.part("id"), start))


async def grants_about(call: Call) -> web.Response:
    """To whom an alert of the caller's organisation was given."""
    start = integer(call.queried(), "start", 0)
    return _json(await call.context.messages.grants(call.reader, call.part("id"), start))


async def answers(call: Call) -> web.Response:
    """What sources answered to the caller's organisation."""
    start = integer(call.queried(), "start", 0)
    return _json(await call.context.messages.answers(call.reader, start))


async def grants(call: Call) -> web.Response:
    """What was given to the caller's device, and what it gave."""
    query = call.queried()
    start, limit = integer(query, "start", 0), min(integer(query, "limit", DEFAULT_PAGE), MAX_PAGE)
    return _json(await call.context.reading.granted(call.reader, start, limit))


async def proposals(call: Call) -> web.Response:
    """Open proposals that the caller handles."""
    return _json(await call.context.reading.proposals(call.reader))


# -- feed ---------------------------------------------------------------------------------------------------------------


async def feed(call: Call) -> web.StreamResponse:
    """Server-sent events until the caller goes away, is cut, or is no longer in force."""
    if call.session is None:
        raise Denied("session-missing", "this needs a session")
    stream = call.context.feed.open(call.session, _cursor(call))
    connection = call.request.protocol
    if isinstance(connection, Connection):
        connection.on_lost = lambda: call.context.feed.leave(stream)
    try:
        response = web.StreamResponse(
            headers={
                "Cache-Control": "no-store",
                "Content-Type": "text/event-stream; charset=utf-8",
                # nginx would collect the stream before it sends any of it.
                "X-Accel-Buffering": "no",
            }
        )
        await response.prepare(call.request)
        await _follow(response, stream)
        return response
    finally:
        call.context.feed.drop(stream)


async def poll(call: Call) -> web.StreamResponse:
    """The feed for those whom no stream reaches: one answer, at once or when the wait is over."""
    if call.session is None:
        raise Denied("session-missing", "this needs a session")
    query = call.queried()
    seconds = integer(query, "wait", POLL_SECONDS)
    if seconds > LONGEST_WAIT:
        raise WebProblem("query-malformed", f"wait is at most {LONGEST_WAIT} seconds")
    cursor, registry = (integer(query, name, 0) if name in query else None for name in ("cursor", "registry"))
    feed, connection = call.context.feed, call.request.protocol
    stream = feed.open(call.session, cursor, registry)
    if isinstance(connection, Connection):
        connection.on_lost = lambda: feed.leave(stream)
    try:
        response = _json(await stream.poll(registry, seconds))
        await response.prepare(call.request)
        await response.write_eof()
        feed.delivered(stream)
        return response
    finally:
        feed.drop(stream)


async def _follow(response: web.StreamResponse, stream: Stream) -> None:
    """Write until the end. A reader that takes nothing is cut by the connection's guard, which ends the write here."""
    try:
        while (data := await _next(stream)) is not None:
            await response.write(data)
        if stream.ended is not None:
            await response.write(b"event: end\ndata: %b\n\n" % value({"code": stream.ended.code}))
        # Nothing more may come over this connection on the strength of an earlier request.
        response.force_close()
        await response.write_eof()
    except ConnectionError:
        return


async def _next(stream: Stream) -> bytes | None:
    """What to write next, or None at the stream's end."""
    try:
        return await stream.next()
    except Denied:
        return None


def _cursor(call: Call) -> int | None:
    """Where to begin: ``Last-Event-ID`` after a break, else the query. Raises WebProblem (``query-malformed``)."""
    query = call.queried()
    last = call.request.headers.get("Last-Event-ID")
    if last is not None:
        query = {"cursor": last}
    return integer(query, "cursor", 0) if query else None


# -- logs ---------------------------------------------------------------------------------------------------------------


def _log(call: Call) -> LogName:
    return "registry" if call.part("log") == "registry" else "journal"


async def checkpoint(call: Call) -> web.Response:
    """A log's newest signed checkpoint, with the witnesses' lines that are here for exactly it."""
    data = call.context.witnessing.checkpoint(_log(call))
    headers = {"Cache-Control": "no-cache", "Content-Type": "text/plain; charset=utf-8"}
    return web.Response(body=data, headers=headers)


async def witnesses(call: Call) -> web.Response:
    """How each named witness stands, and the newest note of each log that has the quorum."""
    body = call.context.witnessing.view()
    return web.Response(body=body, content_type=JSON, headers={"Cache-Control": "no-cache"})


async def tile(call: Call) -> web.Response:
    """A hash tile."""
    place = parse_path(f"tile/{call.part('place')}")
    if not isinstance(place, Tile):
        raise WebProblem("not-found", "there is nothing at this path")
    data = await call.context.exchange.ledger.read_tile(_log(call), place)
    return web.Response(body=data, headers={"Cache-Control": IMMUTABLE, "Content-Type": BINARY})


async def entries(call: Call) -> web.Response:
    """An entry bundle: every member's, and an auditor's."""
    place = parse_path(f"tile/entries/{call.part('place')}")
    if not isinstance(place, Bundle):
        raise WebProblem("not-found", "there is nothing at this path")
    data = await call.context.exchange.ledger.read_entries(_log(call), place)
    return web.Response(body=data, headers={"Cache-Control": PRIVATE_IMMUTABLE, "Content-Type": BINARY})
