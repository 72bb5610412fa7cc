"""The one route table: path, method, handler, who may call, what is written to a log because of it, and every answer.

``access`` and the names of the query are enforced before a handler runs; ``who`` says what the service behind it demands
beyond that, and a test crosses every route with every role and method. What is not in this table does not exist, and
OpenAPI is made from it. How to declare a route: ``exchange/web/declare.py``. Spec: docs/spec/interface.md.
"""

from __future__ import annotations

from typing import Final

from exchange.config import MIB
from exchange.service.feed import LONGEST_WAIT
from exchange.web import contact, feeds, handlers, openapi, public, schemas
from exchange.web.declare import Access, Answer, Body, Link, Parameter, Route
from exchange.web.pagetexts import LANGUAGES
from exchange.web.requests import PATTERN_HASH

_ID: Final = f"{{id:{PATTERN_HASH}}}"
_SHA256: Final = f"{{sha256:{PATTERN_HASH}}}"
_LOG: Final = "{log:registry|journal}"
_CLAIMED: Final = "journal: alert.deliver, once a device, in batches"
_AUDITED: Final = "journal: access.read for an auditor, in batches"
_BINARY: Final = "application/octet-stream"
_HTML: Final = "text/html"

_START: Final = Parameter("start", schemas.INDEX, "index to begin with; 0 when it is left out")
_LIMIT: Final = Parameter(
    "limit", schemas.INDEX, "how many at most; 64 when it is left out, and never more than 256 whatever it says"
)
_CURSOR: Final = Parameter(
    "cursor", schemas.INDEX, "journal index of the first entry that the caller has not; left out: from now on"
)
_FEED_LANGUAGE: Final = Parameter("lang", schemas.word(*LANGUAGES), "language of the feed; German when it is left out")
_RANGE: Final = Parameter("Range", {"type": "string"}, "bytes=a- or bytes=a-b; any other is ignored", place="header")
_PARTIAL: Final = Answer("the bytes asked for, named by Content-Range", media=_BINARY, status=206)
_UNCHANGED: Final = Answer("what If-None-Match names is still what is here", media="", status=304)
_LANGUAGE: Final = Parameter("lang", schemas.word(*LANGUAGES), "language of the page, before Accept-Language")
_BEFORE: Final = Parameter("before", schemas.integer(10**15 - 1), "journal index before which to go back")

ROUTES: Final[tuple[Route, ...]] = (
    Route(
        "GET",
        "/health/live",
        handlers.live,
        Access.PUBLIC,
        "anyone",
        summary="The process answers",
        answers=(Answer("it does", schemas.STATUS_TEXT),),
    ),
    Route(
        "GET",
        "/health/ready",
        handlers.ready,
        Access.PUBLIC,
        "anyone",
        summary="Statements can be accepted",
        answers=(Answer("the store is writable and the head file current", schemas.STATUS_TEXT),),
        codes=("writing-stopped",),
    ),
    Route(
        "GET",
        "/v1/openapi.json",
        openapi.openapi,
        Access.PUBLIC,
        "anyone",
        summary="This interface as OpenAPI 3.1",
        answers=(Answer("the document", {"type": "object", "required": ["openapi", "paths"]}),),
    ),
    Route(
        "GET",
        "/v1/exchange",
        handlers.exchange_page,
        Access.PUBLIC,
        "anyone",
        summary="The founding statement and both checkpoints",
        answers=(Answer("which exchange this is", schemas.EXCHANGE),),
        codes=("not-founded",),
    ),
    Route(
        "POST",
        "/v1/statements",
        handlers.post_statements,
        Access.STATEMENT,
        "whoever the kind requires as signers",
        "registry or journal: the statements' entries; journal: statement.refuse for what a known device signed in vain",
        summary="Post statements, all or none: the only write that changes state",
        body=Body("1 to 256 statements with their openings", schemas.SUBMISSIONS, most=4 * MIB),
        answers=(
            Answer(
                "accepted, durable and in both checkpoints; the same statements again get the same answer",
                schemas.ACCEPTED,
                links=(Link("get_statement", {"id": "$response.body#/results/0/statement"}),),
            ),
        ),
        codes=("batch-size", "blob-missing", "busy", "closing", "not-founded", "writing-stopped"),
        rules=(400, 403, 404, 409, 413, 422),
    ),
    Route(
        "POST",
        "/v1/challenges",
        handlers.post_challenge,
        Access.PUBLIC,
        "anyone",
        summary="Ask for a challenge, which a session.open answers within 60 s",
        body=Body("whatever it says", {}, required=False),
        answers=(Answer("32 random bytes and when they expire", schemas.CHALLENGE, status=201),),
    ),
    Route(
        "POST",
        "/v1/sessions",
        handlers.post_session,
        Access.STATEMENT,
        "a device in force",
        summary="Open a session",
        body=Body("a signed session.open over the challenge", schemas.ref("Envelope")),
        answers=(Answer("the session's token", schemas.SESSION, status=201),),
        codes=(
            "challenge-expired",
            "challenge-unknown",
            "challenge-used",
            "other-exchange",
            "signer-unknown",
        ),
        rules=(400, 403),
    ),
    Route(
        "DELETE",
        "/v1/session",
        handlers.delete_session,
        Access.SESSION,
        "the session itself",
        summary="End the session, with the streams and polls opened with it",
        answers=(Answer("it is ended", media="", status=204),),
    ),
    Route(
        "PUT",
        f"/v1/blobs/{_SHA256}",
        handlers.put_blob,
        Access.SESSION,
        "any device in force, within its quota",
        summary="Upload a blob, which a statement must claim within the hour",
        body=Body("the bytes, with Content-Length", media=_BINARY, most=1_024 * MIB),
        answers=(
            Answer("it is here already, and nothing was read", schemas.BLOB),
            Answer(
                "it is here now",
                schemas.BLOB,
                status=201,
                links=(Link("get_blob", {"sha256": "$response.body#/sha256"}),),
            ),
        ),
        codes=(
            "blob-empty",
            "blob-hash",
            "blob-length",
            "blob-too-large",
            "length-required",
            "quota-exceeded",
            "upload-unknown",
            "uploads-busy",
            "writing-stopped",
        ),
    ),
    Route(
        "HEAD",
        f"/v1/blobs/{_SHA256}",
        handlers.head_blob,
        Access.SESSION,
        "any device in force: how far its own upload is, or that the blob is whole",
        summary="How far an upload is",
        answers=(Answer("Upload-Offset, Upload-Length and Upload-Complete say it", media="", status=204),),
        codes=("blob-unknown",),
    ),
    Route(
        "PATCH",
        f"/v1/blobs/{_SHA256}",
        handlers.patch_blob,
        Access.SESSION,
        "any device in force, its own upload, within its quota",
        summary="Add bytes to an upload, or begin one",
        query=(
            Parameter("Upload-Offset", schemas.INDEX, "where these bytes go on; must be given", place="header"),
            Parameter("Upload-Length", schemas.INDEX, "length of the whole blob; must be given", place="header"),
        ),
        body=Body("whole chunks of 262,144 bytes, or the end", media=_BINARY, most=8 * MIB),
        answers=(
            Answer("it is here already", media=""),
            Answer("it is whole now", media="", status=201),
            Answer("it goes on at Upload-Offset", media="", status=204),
        ),
        codes=(
            "append-range",
            "blob-empty",
            "blob-hash",
            "blob-length",
            "blob-too-large",
            "length-required",
            "quota-exceeded",
            "upload-length",
            "upload-offset",
            "upload-unknown",
            "uploads-busy",
            "writing-stopped",
        ),
    ),
    Route(
        "GET",
        f"/v1/blobs/{_SHA256}",
        handlers.get_blob,
        Access.SESSION,
        "bundles and terms: everyone; parts: author, candidate approvers, recipients once released; packs: nobody",
        summary="A blob",
        query=(_RANGE,),
        answers=(Answer("its bytes", media=_BINARY), _PARTIAL),
        codes=("blob-unknown", "not-entitled", "range-unsatisfiable"),
    ),
    Route(
        "GET",
        f"/v1/statements/{_ID}",
        handlers.get_statement,
        Access.SESSION,
        "registry: as shown; journal: the statement's parties, publishers of a released alert's organisation, and auditors",
        _AUDITED,
        summary="A statement",
        query=(
            Parameter(
                "signers",
                schemas.INDEX,
                "of a proposal that gained approvals, the signature set of so many signers; else the newest",
            ),
        ),
        answers=(Answer("its envelope, and where it stands", schemas.STATEMENT),),
        codes=("alert-unknown", "not-entitled", "statement-erased", "statement-unknown"),
    ),
    Route(
        "GET",
        "/v1/registry/statements",
        handlers.registry_statements,
        Access.SESSION,
        "everyone, each what it is shown",
        _AUDITED,
        summary="The registry's statements in order, with openings",
        query=(_START, _LIMIT),
        answers=(
            Answer(
                "a page; without next it is the last",
                schemas.REGISTRY_PAGE,
                links=(Link("registry_statements", {"start": "$response.body#/next"}),),
            ),
        ),
    ),
    Route(
        "GET",
        "/v1/epochs",
        handlers.epochs,
        Access.SESSION,
        "everyone",
        summary="The epoch.publish statements in journal order",
        query=(_START, _LIMIT),
        answers=(
            Answer(
                "a page; without next it is the last",
                schemas.PAGE,
                links=(Link("epochs", {"start": "$response.body#/next"}),),
            ),
        ),
    ),
    Route(
        "GET",
        f"/v1/alerts/{_ID}",
        handlers.alert,
        Access.SESSION,
        "a leaf: the device it is for; neighbours: everyone; a proposal: author and candidate approvers",
        _CLAIMED,
        summary="An alert with the caller's leaf, or the proof that it has none",
        query=(Parameter("tag", schemas.TAG_TEXT, "the caller's tag, which a device without a leaf must name"),),
        answers=(Answer("the alert, or the neighbours of the tag", schemas.ALERT),),
        codes=("alert-unknown", "not-entitled", "tag-missing", "tag-present"),
        rules=(403,),
    ),
    Route(
        "GET",
        f"/v1/alerts/{_ID}/leaves",
        handlers.leaves,
        Access.SESSION,
        "author, candidate approvers, auditors",
        _AUDITED,
        summary="All leaves of an alert without their stanzas",
        answers=(Answer("for each leaf stanza id (32) ‖ tag (8) ‖ SHA-256(stanza) (32)", media=_BINARY),),
        codes=("alert-unknown", "alert-without-leaves", "not-entitled"),
    ),
    Route(
        "GET",
        f"/v1/alerts/{_ID}/receipts",
        handlers.receipts,
        Access.SESSION,
        "publishers of the author's organisation: states; auditors: statements",
        _AUDITED,
        summary="How far an alert got",
        query=(_START,),
        answers=(
            Answer("by organisation, for RED by person; for auditors a page of the statements", schemas.RECEIPTS),
        ),
        codes=("alert-unknown", "not-entitled", "not-released"),
    ),
    Route(
        "GET",
        f"/v1/alerts/{_ID}/reactions",
        handlers.reactions,
        Access.SESSION,
        "publishers of the author's organisation; auditors, who cannot open them",
        _AUDITED,
        summary="What recipients said about an alert, sealed to its author's organisation",
        query=(_START,),
        answers=(
            Answer("reactions, questions and answers in journal order; without next it is the last", schemas.PAGE),
        ),
        codes=("alert-unknown", "not-entitled", "not-released"),
    ),
    Route(
        "GET",
        f"/v1/alerts/{_ID}/grants",
        handlers.grants_about,
        Access.SESSION,
        "publishers of the author's organisation; auditors",
        _AUDITED,
        summary="To whom an alert was given after its release",
        query=(_START,),
        answers=(Answer("grants in journal order; without next it is the last", schemas.PAGE),),
        codes=("alert-unknown", "not-entitled", "not-released"),
    ),
    Route(
        "GET",
        f"/v1/alerts/{_ID}/versions",
        handlers.versions,
        Access.SESSION,
        "everyone; of a proposal: author and candidate approvers",
        summary="The released versions of the same alert",
        answers=(Answer("the oldest first", schemas.VERSIONS),),
        codes=("alert-unknown", "not-entitled"),
    ),
    Route(
        "GET",
        "/v1/answers",
        handlers.answers,
        Access.SESSION,
        "everyone: answers to its own organisation",
        summary="What sources answered to the caller's organisation",
        query=(_START,),
        answers=(
            Answer(
                "a page; without next it is the last",
                schemas.PAGE,
                links=(Link("answers", {"start": "$response.body#/next"}),),
            ),
        ),
        rules=(403,),
    ),
    Route(
        "GET",
        "/v1/grants",
        handlers.grants,
        Access.SESSION,
        "everyone: grants to or by the caller's device",
        summary="Grants to or by the caller's device in journal order",
        query=(_START, _LIMIT),
        answers=(
            Answer(
                "a page; without next it is the last",
                schemas.GRANTS,
                links=(Link("grants", {"start": "$response.body#/next"}),),
            ),
        ),
        rules=(403,),
    ),
    Route(
        "GET",
        "/v1/proposals",
        handlers.proposals,
        Access.SESSION,
        "author and candidate approvers, each their own",
        summary="The open proposals that the caller wrote or may approve",
        answers=(
            Answer(
                "with each whether the caller's person has signed it",
                schemas.PROPOSALS,
                links=(Link("alert", {"id": "$response.body#/proposals/0/statement"}),),
            ),
        ),
    ),
    Route(
        "GET",
        "/v1/feed",
        handlers.feed,
        Access.SESSION,
        "everyone; leaves to their devices",
        _CLAIMED,
        summary="Follow the journal as server-sent events",
        query=(
            _CURSOR,
            Parameter("Last-Event-ID", schemas.INDEX, "the same after a break, before cursor", place="header"),
        ),
        answers=(
            Answer(
                "events until the caller goes away or is cut; the id of an entry is its journal index + 1",
                {"type": "string"},
                media="text/event-stream",
                events={"entry": schemas.FEED_ENTRY, "head": schemas.HEADS, "end": schemas.ref("FeedEnd")},
            ),
        ),
        codes=("cursor-ahead", "readers-busy"),
    ),
    Route(
        "GET",
        "/v1/feed/poll",
        handlers.poll,
        Access.SESSION,
        "everyone; leaves to their devices",
        _CLAIMED,
        summary="The same without a stream: answered when there is something, or when the wait is over",
        query=(
            _CURSOR,
            Parameter(
                "registry",
                schemas.INDEX,
                "the registry's size as the caller knows it: a larger one is news; left out: the present one",
            ),
            Parameter("wait", schemas.integer(LONGEST_WAIT), "seconds to wait for news; 25 when it is left out"),
        ),
        answers=(
            Answer(
                "at most 64 entries; head once these are all; cursor and registry for the next time",
                schemas.POLLED,
                links=(Link("poll", {"cursor": "$response.body#/cursor", "registry": "$response.body#/registry"}),),
            ),
        ),
        codes=("closing", "cursor-ahead", "gone", "readers-busy", "session-ended", "stream-replaced"),
    ),
    Route(
        "GET",
        f"/{_LOG}/checkpoint",
        handlers.checkpoint,
        Access.PUBLIC,
        "anyone",
        summary="A log's newest signed checkpoint",
        answers=(
            Answer("a signed note, with the witnesses' lines that are here for it", schemas.NOTE, media="text/plain"),
        ),
    ),
    Route(
        "GET",
        "/v1/witnesses",
        handlers.witnesses,
        Access.PUBLIC,
        "anyone",
        summary="How the named witnesses stand, and the newest checkpoints that have their quorum",
        answers=(
            Answer(
                "for each log the quorum, the newest note that has it, and each witness: the size that it cosigned last, "
                "when by its own clock, and how the last question to it ended",
                schemas.WITNESSES,
            ),
        ),
    ),
    Route(
        "GET",
        f"/{_LOG}/tile/entries/{{place:.+}}",
        handlers.entries,
        Access.SESSION,
        "everyone",
        summary="An entry bundle",
        answers=(Answer("each entry with its length before it, two bytes", media=_BINARY),),
        codes=("tile-path", "tile-unknown"),
    ),
    Route(
        "GET",
        f"/{_LOG}/tile/{{place:.+}}",
        handlers.tile,
        Access.PUBLIC,
        "anyone",
        summary="A hash tile",
        answers=(Answer("at most 256 hashes of 32 bytes", media=_BINARY),),
        codes=("tile-path", "tile-unknown"),
    ),
    Route(
        "GET",
        "/clear/",
        public.listing,
        Access.PUBLIC,
        "anyone",
        summary="Released CLEAR alerts, the newest first",
        query=(_LANGUAGE, _BEFORE),
        answers=(Answer("a page of 50", {"type": "string"}, media=_HTML),),
    ),
    Route(
        "GET",
        "/clear/style.css",
        public.style,
        Access.PUBLIC,
        "anyone",
        summary="The style sheet of the public pages",
        answers=(Answer("it", {"type": "string"}, media="text/css"),),
    ),
    Route(
        "GET",
        f"/clear/{_ID}",
        public.page,
        Access.PUBLIC,
        "anyone",
        summary="A released CLEAR alert",
        query=(_LANGUAGE,),
        answers=(Answer("its page", {"type": "string"}, media=_HTML),),
        codes=("alert-unknown",),
    ),
    Route(
        "GET",
        f"/clear/{_ID}/evidence",
        public.evidence,
        Access.PUBLIC,
        "anyone",
        summary="What shows that a CLEAR alert stands in the journal",
        answers=(
            Answer("envelope, entry and proofs, and the registry's statements behind it", schemas.EVIDENCE),
            _UNCHANGED,
        ),
        codes=("alert-unknown", "evidence-too-large"),
    ),
    Route(
        "GET",
        f"/clear/{_ID}/attachments/{{number:[1-9][0-9]?}}",
        public.attachment,
        Access.PUBLIC,
        "anyone",
        summary="An attachment of a CLEAR alert",
        query=(_RANGE,),
        answers=(Answer("its bytes, as a download", media=_BINARY), _PARTIAL),
        codes=("alert-unknown", "blob-unknown", "range-unsatisfiable"),
    ),
    Route(
        "GET",
        "/clear/feed.atom",
        feeds.atom,
        Access.PUBLIC,
        "anyone",
        summary="The newest CLEAR alerts as an Atom feed",
        query=(_FEED_LANGUAGE,),
        answers=(Answer("Atom (RFC 4287)", {"type": "string"}, media="application/atom+xml"), _UNCHANGED),
        codes=("not-founded",),
    ),
    Route(
        "GET",
        "/clear/feed.json",
        feeds.json_feed,
        Access.PUBLIC,
        "anyone",
        summary="The newest CLEAR alerts as a JSON feed",
        query=(_FEED_LANGUAGE,),
        answers=(Answer("JSON Feed 1.1", {"type": "object"}, media="application/feed+json"), _UNCHANGED),
        codes=("not-founded",),
    ),
    Route(
        "GET",
        "/.well-known/security.txt",
        contact.security_txt,
        Access.PUBLIC,
        "anyone, when a contact is configured",
        summary="Whom to tell about a weakness (RFC 9116)",
        answers=(Answer("the file", {"type": "string"}, media="text/plain"), _UNCHANGED),
    ),
)
