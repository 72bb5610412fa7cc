"""A whole exchange in memory behind the client's ``Transport``: honest by itself, and a liar on demand.

Built from the product's own policy and logs, with real signatures and a clock that the test moves.  ``lie`` changes any
answer on its way out; ``split`` makes a second exchange with the same keys that goes its own way; ``force`` logs what no
honest exchange would.  ``requests`` remembers what was asked.
"""

from __future__ import annotations

import asyncio
import copy
import re
from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlsplit

from exchange.client.transport import Event, Response
from exchange.model.alert import AlertBody
from exchange.model.common import FIRST_LEAD, NARROW_WINDOW
from exchange.model.entry import PROPOSED, REJECTED, RELEASED, AlertMark, AudienceHead, Entry
from exchange.model.journal import AlertReceipt, AlertReject, EpochPublish
from exchange.model.problems import ExchangeError
from exchange.model.registry import Founding
from exchange.model.scalars import Head
from exchange.model.statements import Opening, Statement, chain_of, parse_statement
from exchange.model.tlp import Label
from exchange.policy.epochs import EpochTable
from exchange.policy.lineage import Version, lineage_of
from exchange.policy.members import Facts, Roster
from exchange.policy.replay import (
    AlertRefusal,
    check_named_roster,
    check_window,
    check_witnessed,
    replay_alert,
    verify_signers,
)
from exchange.policy.roster import RosterRefusal, TrustedRoster, check_openings
from exchange.tlog.bundles import encode_bundle
from exchange.tlog.checkpoint import Checkpoint, LogName
from exchange.tlog.merkle import EMPTY_ROOT, Frontier, inclusion_proof, leaf_hash
from exchange.tlog.tiles import TILE_HEIGHT, TILE_WIDTH, Bundle, Tile, parse_path, width_at
from keys import encoding
from keys.envelope import Envelope
from keys.errors import KeysError
from keys.note import LogSigner, sign_checkpoint
from keys.sign import SoftwareSigner, StatementSigner
from keys.stanza import AudienceTree, PackLeaf, encode_leaf_list, parse_pack
from keys.verify import check_epoch_key, verify_ed25519, verify_hybrid
from tests.support.world import START, Randomness

ORIGIN = "exchange.example"
PAGE = 100


class No(Exception):
    """A refusal, as the web layer would tell it."""

    def __init__(self, status: int, code: str, detail: str = "", rule: str = "", index: int = 0) -> None:
        super().__init__(code)
        self.status, self.code, self.detail, self.rule, self.index = status, code, detail or code, rule, index

    def response(self) -> Response:
        body: dict[str, Any] = {
            "code": self.code,
            "detail": self.detail,
            "index": self.index,
            "status": self.status,
            "title": self.code,
            "type": f"urn:tlp-exchange:problem:{self.code}",
        }
        if self.rule:
            body["rule"] = self.rule
        return Response(self.status, {"content-type": "application/problem+json"}, encoding.encode(body))


@dataclass(frozen=True)
class Request:
    """What the client asked."""

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes
    device: str | None
    headers: Mapping[str, str] = field(default_factory=dict)


Lie = Callable[[Request, Response], Response | None]
"""Looks at an answer and returns another one; None leaves it."""


class Log:
    """One log: entries, roots, signed checkpoints."""

    def __init__(self, signer: LogSigner) -> None:
        self.signer = signer
        self.entries: list[bytes] = []
        self.roots: list[bytes] = [EMPTY_ROOT]
        self._frontier = Frontier()

    def copy(self) -> Log:
        other = Log(self.signer)
        other.entries, other.roots, other._frontier = list(self.entries), list(self.roots), self._frontier
        return other

    def append(self, entry: bytes) -> int:
        self.entries.append(entry)
        self._frontier = self._frontier.extend([leaf_hash(entry)])
        self.roots.append(self._frontier.root())
        return len(self.entries) - 1

    @property
    def size(self) -> int:
        return len(self.entries)

    def head(self) -> Head:
        return Head(root=self.roots[-1].hex(), size=self.size)

    def note(self, now: int, size: int | None = None) -> bytes:
        size = self.size if size is None else size
        return sign_checkpoint(Checkpoint(self.signer.origin, size, self.roots[size]).text(), self.signer, now)

    def _node(self, level: int, place: int) -> bytes:
        start = place << level
        return Frontier().extend(leaf_hash(e) for e in self.entries[start : start + (1 << level)]).root()

    def proof(self, index: int) -> tuple[bytes, ...]:
        return inclusion_proof(self._node, index, self.size)

    def tile(self, tile: Tile) -> bytes:
        first = tile.index * TILE_WIDTH
        return b"".join(self._node(TILE_HEIGHT * tile.level, first + place) for place in range(tile.width))


@dataclass
class Logged:
    """A statement at its place."""

    log: LogName
    index: int
    kind: str
    statement: Statement
    openings: tuple[Opening, ...] = ()


@dataclass
class Alert:
    """An alert with its pack as the exchange holds it."""

    statement: Statement
    index: int
    released: bool
    leaves: tuple[PackLeaf, ...] = ()
    places: dict[str, int] = field(default_factory=dict)
    tree: AudienceTree | None = None


class Simulator:
    """The exchange. ``now`` is its clock, in seconds, which the test sets."""

    def __init__(self, seed: str = "simulator") -> None:
        self.random = Randomness(seed)
        self.now = START
        self.registrars = sorted(
            (SoftwareSigner.generate(self.random) for _ in range(3)), key=lambda s: s.public.key_id
        )
        self.statement_signer = StatementSigner.generate(self.random)
        self.logs: dict[LogName, Log] = {
            "registry": Log(LogSigner.generate(f"{ORIGIN}/registry", self.random)),
            "journal": Log(LogSigner.generate(f"{ORIGIN}/journal", self.random)),
        }
        self.roster = TrustedRoster()
        self.facts: dict[int, Facts] = {}
        self.times: list[int] = []
        self.epochs = EpochTable()
        self.registry: list[Logged] = []
        self.journal: list[Logged | None] = []
        self.known: dict[tuple[str, str, int], Logged] = {}
        self.alerts: dict[str, Alert] = {}
        self.versions: dict[tuple[str, int], str] = {}
        self.rejected: set[str] = set()
        self.receipts: list[tuple[str, str, str]] = []
        self.blobs: dict[str, bytes] = {}
        self.partial: dict[str, bytes] = {}
        self.sessions: dict[str, str] = {}
        self.lies: list[Lie] = []
        self.requests: list[Request] = []
        self.feeds_end = False
        self._news = asyncio.Event()

    def clock(self) -> int:
        """The exchange's clock; members of a test use it, too."""
        return self.now

    @property
    def exchange(self) -> str:
        assert self.roster.facts.exchange is not None
        return self.roster.facts.exchange

    # -- lying ---------------------------------------------------------------------------------------------------------

    def lie(self, path: str, change: Callable[[Request, Response], Response | None], method: str = "GET") -> Lie:
        """Change the answers of paths that match a regular expression; returns the lie, to be removed from ``lies``."""

        def lie(request: Request, response: Response) -> Response | None:
            if request.method == method and re.fullmatch(path, request.path):
                return change(request, response)
            return None

        self.lies.append(lie)
        return lie

    def lie_json(self, path: str, change: Callable[[dict[str, Any]], Any], method: str = "GET") -> Lie:
        """Change the JSON of matching answers: in place, or by returning another value."""

        def rewrite(request: Request, response: Response) -> Response | None:
            if response.status >= 300:
                return None
            value = encoding.decode(response.body, max_bytes=1 << 26)
            changed = change(value)
            return Response(200, response.headers, encoding.encode(value if changed is None else changed))

        return self.lie(path, rewrite, method)

    def split(self) -> Simulator:
        """A second exchange with the same keys and the same past, and a future of its own."""
        other = copy.copy(self)
        other.logs = {name: log.copy() for name, log in self.logs.items()}
        other.roster = self.roster.fork()
        other.facts, other.times = dict(self.facts), list(self.times)
        other.epochs = copy.deepcopy(self.epochs)
        other.registry, other.journal = list(self.registry), list(self.journal)
        other.known, other.alerts = dict(self.known), dict(self.alerts)
        other.versions, other.rejected = dict(self.versions), set(self.rejected)
        other.receipts, other.blobs, other.sessions = list(self.receipts), dict(self.blobs), dict(self.sessions)
        other.lies, other.requests = [], []
        other._news = asyncio.Event()
        return other

    def force(self, log: LogName, entry: Entry, statement: Statement | None = None) -> int:
        """Log an entry without asking any rule."""
        index = self.logs[log].append(entry.encode())
        logged = None if statement is None else Logged(log, index, entry.kind, statement)
        if log == "registry":
            assert logged is not None
            self.registry.append(logged)
            self.times.append(entry.at)
        else:
            self.journal.append(logged)
        self.wake()
        return index

    def entry(self, statement: Statement, kind: str | None = None, **changes: Any) -> Entry:
        """The entry that an honest exchange would make of a statement now, with changes."""
        name = kind or statement.kind.name
        fields: dict[str, Any] = {
            "at": self.now,
            "kind": name,
            "signatures": statement.envelope.signatures_hash,
            "statement": statement.id,
        }
        if statement.kind.log == "registry":
            fields["subject"] = chain_of(statement)
        else:
            fields["registry"] = self.logs["registry"].head()
        if isinstance(statement.body, AlertBody):
            fields["alert"] = _mark(statement.body)
        return Entry(**(fields | changes))

    def wake(self) -> None:
        """Wake the feeds."""
        news, self._news = self._news, asyncio.Event()
        news.set()

    def end_feeds(self) -> None:
        """Close every feed as soon as it has handed over what there is."""
        self.feeds_end = True
        self.wake()

    # -- accepting -----------------------------------------------------------------------------------------------------

    def accept(self, envelope: Envelope, openings: tuple[Opening, ...] = ()) -> Logged:
        """Accept one statement as an honest exchange does; raises No."""
        try:
            statement = parse_statement(envelope)
            kind = _entry_kind(statement)
            key = (statement.id, kind, len(envelope.signer_ids))
            if key in self.known:
                return self.known[key]
            registry = statement.kind.log == "registry"
            logged = self._registry(statement, openings) if registry else self._journal(statement, kind)
            self.known[key] = logged
            return logged
        except RosterRefusal as error:
            raise No(422, error.code, error.detail, error.rule) from None
        except AlertRefusal as error:
            raise No(422, error.code, error.detail, error.rule) from None
        except (ExchangeError, KeysError) as error:
            raise No(422, error.code, str(error)) from None

    def _registry(self, statement: Statement, openings: tuple[Opening, ...]) -> Logged:
        check_openings(statement, openings)
        entry = self.entry(statement)
        self.roster.apply(entry, statement)
        index = self.logs["registry"].append(entry.encode())
        self.times.append(entry.at)
        self.facts[index + 1] = self.roster.facts
        logged = Logged("registry", index, entry.kind, statement, openings)
        self.registry.append(logged)
        return logged

    def _journal(self, statement: Statement, kind: str) -> Logged:
        if statement.exchange != self.exchange:
            raise No(422, "other-exchange")
        acceptance = self.roster.at(self.now)
        mark: AlertMark | None = None
        alert: Alert | None = None
        index = self.logs["journal"].size
        body = statement.body
        if isinstance(body, AlertBody):
            mark, alert = _mark(body), self._alert(statement, acceptance, index, kind == RELEASED)
        else:
            self._by_device(statement, acceptance)
            if isinstance(body, EpochPublish):
                self._check_bundle(body)
                self.epochs.apply(index, statement.id, body)
            elif isinstance(body, AlertReceipt):
                for name in body.alerts:
                    known = self.alerts.get(name)
                    if known is None or not known.released or body.issuer.device not in known.places:
                        raise No(422, "receipt-without-leaf")
                    self.receipts.append((name, body.issuer.device, body.level))
            elif isinstance(body, AlertReject):
                proposal = self.alerts.get(body.alert)
                if proposal is None or proposal.released or body.alert in self.rejected:
                    raise No(422, "proposal-unknown")
                core = proposal.statement.alert.core
                if acceptance.facts.devices[body.issuer.device].person not in core.approvers:
                    raise No(422, "approver-not-candidate", rule="R8")
                self.rejected.add(body.alert)
                mark = AlertMark(id=core.alert, version=core.version)
            else:
                raise No(422, "kind-unexpected")
        entry = self.entry(statement, kind, alert=mark)
        self.logs["journal"].append(entry.encode())
        if alert is not None:
            self.alerts[statement.id] = alert
            if alert.released and mark is not None:
                self.versions[(mark.id, mark.version)] = statement.id
        logged = Logged("journal", index, kind, statement)
        self.journal.append(logged)
        return logged

    def _by_device(self, statement: Statement, roster: Roster) -> None:
        device = roster.facts.devices.get(statement.issuer.device)  # type: ignore[union-attr]
        if device is None:
            raise No(422, "device-unknown", rule="R1")
        fault = (
            "device-revoked"
            if device.revoked
            else roster.organisation_fault(roster.facts.persons[device.person].organisation)
        )
        if fault is not None:
            raise No(422, fault, rule="R1")
        verify = verify_ed25519 if statement.kind.scheme == "ed25519" else lambda e, s: verify_hybrid(e, [s])
        verify(statement.envelope, device.signing)
        if not statement.at - FIRST_LEAD <= self.now <= min(statement.not_after, statement.at + NARROW_WINDOW):
            raise No(422, "too-late")

    def _check_bundle(self, body: EpochPublish) -> None:
        bundle = self.blobs.get(body.bundle.sha256, b"")
        for position, key in enumerate(body.keys):
            raw = bundle[position * 1216 : (position + 1) * 1216]
            if sha256(raw).hexdigest() != key.hash:
                raise No(422, "bundle-mismatch")
            check_epoch_key(raw)

    def _alert(self, statement: Statement, acceptance: Roster, index: int, released: bool) -> Alert:
        body = statement.alert
        core = body.core
        signers = verify_signers(statement, acceptance)
        check_window(core, signers, self.now)
        registry = self.logs["registry"]
        size = core.seen.registry.size
        check_named_roster(
            core,
            registry.roots[size] if size <= registry.size else None,
            self.times[size] if size < len(self.times) else None,
        )
        if statement.id in self.rejected:
            raise AlertRefusal("R8", "rejected", "rejected")
        if (core.alert, core.version) in self.versions:
            raise AlertRefusal("R10", "version-taken", "released already")
        leaves: tuple[PackLeaf, ...] = ()
        if body.sealed.pack is not None:
            leaves = parse_pack(self._blob(body.sealed.pack.sha256))
        for part in body.sealed.parts:
            if len(self._blob(part.sha256)) != part.length:
                raise No(422, "part-missing", rule="V6")
        named = Roster(self.facts[size], core.at)
        check_witnessed(core, named.facts)
        summaries = [leaf.summary() for leaf in leaves]
        lineage = lineage_of(core, self.earlier(core.alert))
        _, places = replay_alert(statement, named, acceptance, self.epochs, signers, summaries, lineage)
        tree = AudienceTree([leaf.leaf_hash() for leaf in leaves]) if leaves else None
        return Alert(statement, index, released, leaves, places, tree)

    def earlier(self, alert: str) -> list[Version]:
        """The released versions of an alert."""
        facts, found = self.roster.facts, []
        for known in self.alerts.values():
            core = known.statement.alert.core
            if known.released and core.alert == alert:
                organisation = facts.persons[facts.devices[core.issuer.device].person].organisation
                persons = frozenset(facts.devices[device].person for device in known.places)
                found.append(Version(known.statement.id, known.index, core, organisation, persons))
        return found

    def _blob(self, name: str) -> bytes:
        if name not in self.blobs:
            raise No(422, "blob-missing", rule="V6")
        return self.blobs[name]

    # -- the transport -------------------------------------------------------------------------------------------------

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        max_bytes: int,
        timeout: float = 60.0,  # noqa: ASYNC109
    ) -> Response:
        """Answer as the web layer would, then lie."""
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        token = (headers or {}).get("Authorization", "").removeprefix("Bearer ")
        request = Request(method, parts.path, query, body or b"", self.sessions.get(token), headers or {})
        self.requests.append(request)
        try:
            poll = request.path == "/v1/feed/poll" and request.device is not None
            response = await self._poll(request) if poll else self._answer(request)
        except No as refusal:
            response = refusal.response()
        for lie in self.lies:
            response = lie(request, response) or response
        return response

    def _answer(self, request: Request) -> Response:
        match (request.method, *request.path.strip("/").split("/")):
            case ("GET", "v1", "exchange"):
                founding = self.registry[0].statement
                return _json(
                    {
                        "exchange": founding.id,
                        "founding": founding.envelope.to_json(),
                        "journal": self._note("journal"),
                        "origin": ORIGIN,
                        "registry": self._note("registry"),
                        "time": self.now,
                    }
                )
            case ("POST", "v1", "statements"):
                return self._post(request)
            case ("POST", "v1", "challenges"):
                return _json({"challenge": encoding.b64u(self.random(32)), "expires": self.now + 60})
            case ("POST", "v1", "sessions"):
                return self._session(request)
            case ("DELETE", "v1", "session"):
                self.sessions = {t: d for t, d in self.sessions.items() if d != request.device}
                return Response(204, {}, b"")
            case ("GET", "registry" | "journal" as log, "checkpoint"):
                return Response(200, {}, self.logs[log].note(self.now))
            case ("GET", "registry" | "journal" as log, "tile", level, *rest) if level != "entries":
                tile = parse_path("/".join(["tile", level, *rest]))
                assert isinstance(tile, Tile)
                if width_at(tile.level, tile.index, self.logs[log].size) < tile.width:
                    raise No(404, "tile-unknown")
                return Response(200, {}, self.logs[log].tile(tile))
            case _:
                return self._private(request, self._reader(request))

    def _note(self, log: LogName) -> str:
        return self.logs[log].note(self.now).decode()

    def _reader(self, request: Request) -> str:
        if request.device is None:
            raise No(401, "session-missing")
        roster = self.roster.at(self.now)
        found = roster.facts.devices[request.device]
        if found.revoked or roster.person_fault(found.person) not in (None, "terms-not-accepted"):
            raise No(403, "not-in-force", rule="R1")
        return request.device

    def _statement(self, name: str) -> Response:
        found = [
            (i, logged) for i, logged in enumerate(self.journal) if logged is not None and logged.statement.id == name
        ]
        if not found:
            raise No(404, "statement-unknown")
        index, logged = found[-1]
        return _json({"envelope": logged.statement.envelope.to_json(), "index": index, "log": "journal"})

    def _private(self, request: Request, device: str) -> Response:
        start = int(request.query.get("start", "0"))
        match (request.method, *request.path.strip("/").split("/")):
            case ("GET", "v1", "statements", name):
                return self._statement(name)
            case ("GET", "registry" | "journal" as log, "tile", "entries", *rest):
                place = parse_path("/".join(["tile", "entries", *rest]))
                assert isinstance(place, Bundle)
                first = place.index * 256
                entries = self.logs[log].entries[first : first + place.width]
                if len(entries) < place.width:
                    raise No(404, "tile-unknown")
                return Response(200, {}, encode_bundle(entries))
            case ("GET", "v1", "registry", "statements"):
                return self._registry_page(device, start)
            case ("GET", "v1", "epochs"):
                return self._epochs_page(start)
            case ("GET", "v1", "alerts", statement):
                return self._alert_answer(device, statement, request.query.get("tag"))
            case ("GET", "v1", "alerts", _, "grants"):
                return _json({"statements": []})
            case ("GET", "v1", "alerts", statement, "leaves"):
                alert = self._handled(device, statement)
                return Response(200, {}, encode_leaf_list(leaf.summary() for leaf in alert.leaves))
            case ("PUT", "v1", "blobs", name):
                if sha256(request.body).hexdigest() != name:
                    raise No(422, "blob-mismatch")
                self.blobs[name] = request.body
                return _json({})
            case ("GET", "v1", "blobs", name):
                if name not in self.blobs:
                    raise No(404, "blob-unknown")
                wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("Range", ""))
                if wanted is not None:
                    return Response(206, {}, self.blobs[name][int(wanted[1]) : int(wanted[2]) + 1])
                return Response(200, {}, self.blobs[name])
            case ("HEAD", "v1", "blobs", name):
                if name not in self.blobs and name not in self.partial:
                    raise No(404, "blob-unknown")
                return self._progress(name)
            case ("PATCH", "v1", "blobs", name):
                return self._append(request, name)
            case ("GET", "v1", "statements", name):
                for logged in (*self.registry, *self.journal):
                    if logged is not None and logged.statement.id == name:
                        return _json(
                            {
                                "envelope": logged.statement.envelope.to_json(),
                                "index": logged.index,
                                "log": logged.log,
                            }
                        )
        raise No(404, "not-found")

    def _append(self, request: Request, name: str) -> Response:
        here = self.partial.get(name, b"")
        if name not in self.blobs:
            if int(request.headers["Upload-Offset"]) != len(here):
                raise No(409, "upload-offset")
            self.partial[name] = here + request.body
            if len(self.partial[name]) == int(request.headers["Upload-Length"]):
                whole = self.partial.pop(name)
                if sha256(whole).hexdigest() != name:
                    raise No(400, "blob-hash")
                self.blobs[name] = whole
        return self._progress(name)

    def _progress(self, name: str) -> Response:
        whole = name in self.blobs
        here = self.blobs[name] if whole else self.partial[name]
        return Response(204, {"upload-complete": "?1" if whole else "?0", "upload-offset": str(len(here))}, b"")

    def _post(self, request: Request) -> Response:
        items = encoding.decode(request.body, max_bytes=1 << 22)["statements"]
        # All or none: what was staged before a refusal goes back.
        backup = self.split()
        results = []
        for position, item in enumerate(items):
            openings = tuple(Opening.model_validate(o) for o in item.get("openings", []))
            try:
                results.append(self.accept(Envelope.from_json(item["envelope"]), openings))
            except No as refusal:
                self._restore(backup)
                refusal.index = position
                raise
        self.wake()
        return _json(
            {
                "journal": self._note("journal"),
                "registry": self._note("registry"),
                "results": [
                    {
                        "index": logged.index,
                        "kind": logged.kind,
                        "log": logged.log,
                        "proof": [encoding.b64(node) for node in self.logs[logged.log].proof(logged.index)],
                        "statement": logged.statement.id,
                    }
                    for logged in results
                ],
            }
        )

    def _restore(self, backup: Simulator) -> None:
        for name in (
            "logs", "roster", "facts", "times", "epochs", "registry", "journal", "known", "alerts", "versions", "rejected",
            "receipts",
        ):  # fmt: skip
            setattr(self, name, getattr(backup, name))

    def _session(self, request: Request) -> Response:
        envelope = Envelope.decode(request.body)
        device = self.roster.facts.device_of_key.get(envelope.signer_ids[0])
        if device is None:
            raise No(403, "device-unknown", rule="R1")
        verify_ed25519(envelope, self.roster.facts.devices[device].signing)
        token = encoding.b64u(self.random(32))
        self.sessions[token] = device
        self._reader(Request("", "", {}, b"", device))
        return _json({"expires": self.now + 600, "token": token})

    # -- what a reader is shown ------------------------------------------------------------------------------------------

    def is_shown(self, device: str, chain: str) -> bool:
        """Whether a device's person is shown the statements of a chain."""
        facts = self.roster.facts
        reader = facts.persons[facts.devices[device].person]
        kind = facts.organisations[reader.organisation].kind
        if reader.roles & {"author", "approver", "auditor"} or (
            kind == "authority" and "administrator" in reader.roles
        ):
            return True
        family, _, subject = chain.partition("/")
        if family in ("exchange", "policy", "terms", "registrars", "circle", "witnesses"):
            return True
        if family == "opening":
            families = ("organisation", "person", "device", "circle")
            return any(f"{f}/{subject}" in facts.chains and self.is_shown(device, f"{f}/{subject}") for f in families)
        own = {reader.organisation, *facts.clients_of.get(reader.organisation, ())}
        open_ones = facts.ever_author | facts.ever_curating | {facts.organisations[reader.organisation].sponsor}
        if family in ("organisation", "acceptance"):
            return subject in own or subject in open_ones
        person = facts.persons[subject if family == "person" else facts.devices[subject].person]
        if person.organisation in own or person.id in facts.ever_curator:
            return True
        return person.organisation in open_ones and person.id in facts.ever_privileged

    def _registry_page(self, device: str, start: int) -> Response:
        shown = [r for r in self.registry[start:] if self.is_shown(device, chain_of(r.statement))]
        page: dict[str, Any] = {
            "statements": [
                {
                    "envelope": r.statement.envelope.to_json(),
                    "index": r.index,
                    "openings": [o.to_json() for o in r.openings],
                }
                for r in shown[:PAGE]
            ]
        }
        if len(shown) > PAGE:
            page["next"] = shown[PAGE].index
        return _json(page)

    def _epochs_page(self, start: int) -> Response:
        found = [r for r in self.journal[start:] if r is not None and r.kind == "epoch.publish"]
        page: dict[str, Any] = {
            "statements": [{"envelope": r.statement.envelope.to_json(), "index": r.index} for r in found[:PAGE]]
        }
        if len(found) > PAGE:
            page["next"] = found[PAGE].index
        return _json(page)

    def _handled(self, device: str, statement: str) -> Alert:
        alert = self.alerts.get(statement)
        if alert is None:
            raise No(404, "alert-unknown")
        core = alert.statement.alert.core
        facts = self.roster.facts
        person = facts.devices[device].person
        if person not in (facts.devices[core.issuer.device].person, *core.approvers):
            raise No(403, "not-released" if not alert.released else "not-entitled")
        return alert

    def _alert_answer(self, device: str, statement: str, tag: str | None) -> Response:
        alert = self.alerts.get(statement)
        if alert is None:
            raise No(404, "alert-unknown")
        if not alert.released:
            self._handled(device, statement)
        if alert.tree is not None and device not in alert.places:
            if tag is None:
                raise No(400, "tag-missing")
            return _json({"index": alert.index, "neighbours": self.neighbours(alert, encoding.unb64u(tag, length=8))})
        fault = self.roster.at(self.now).device_fault(device)
        if fault is not None:
            raise No(403, fault, rule="R1")
        answer = self.alert_json(alert, device)
        answer["checkpoint"] = self._note("journal")
        answer["proof"] = [encoding.b64(node) for node in self.logs["journal"].proof(alert.index)]
        return _json(answer)

    def alert_json(self, alert: Alert, device: str) -> dict[str, Any]:
        """The alert with a device's leaf, as answer and feed have it."""
        answer: dict[str, Any] = {"envelope": alert.statement.envelope.to_json(), "index": alert.index}
        if alert.tree is not None:
            answer["leaf"] = self.leaf_json(alert, alert.places[device])
        return answer

    def leaf_json(self, alert: Alert, place: int) -> dict[str, Any]:
        """One leaf with its path."""
        assert alert.tree is not None
        leaf = alert.leaves[place]
        return {
            "index": place,
            "path": [node.hex() for node in alert.tree.path(place)],
            "stanza": encoding.b64(leaf.stanza),
            "stanza_id": leaf.stanza_id.hex(),
            "tag": encoding.b64u(leaf.tag),
        }

    def neighbours(self, alert: Alert, tag: bytes) -> list[dict[str, Any]]:
        """The leaves around a tag."""
        assert alert.tree is not None
        place = bisect_left([leaf.tag for leaf in alert.leaves], tag)
        found = [i for i in (place - 1, place) if 0 <= i < len(alert.leaves)]
        return [self.neighbour_json(alert, i) for i in found]

    def neighbour_json(self, alert: Alert, place: int) -> dict[str, Any]:
        """One neighbour with its path."""
        assert alert.tree is not None
        leaf = alert.leaves[place]
        return {
            "index": place,
            "inner": leaf.summary().inner.hex(),
            "path": [node.hex() for node in alert.tree.path(place)],
            "tag": encoding.b64u(leaf.tag),
        }

    # -- the feed --------------------------------------------------------------------------------------------------------

    async def stream(self, path: str, *, headers: Mapping[str, str] | None = None) -> AsyncIterator[Event]:
        """Entries from the cursor on, a head after each batch; waits for more until ``end_feeds``."""
        device = self.sessions[(headers or {}).get("Authorization", "").removeprefix("Bearer ")]
        cursor = int(parse_qs(urlsplit(path).query)["cursor"][0])
        heads: tuple[int, int] | None = None
        while True:
            news = self._news
            while cursor < self.logs["journal"].size:
                yield Event(str(cursor + 1), "entry", self._feed_entry(device, cursor))
                cursor += 1
            sizes = (self.logs["registry"].size, self.logs["journal"].size)
            if sizes != heads:
                heads = sizes
                value = {"journal": self._note("journal"), "registry": self._note("registry")}
                yield Event(str(cursor), "head", encoding.encode(value).decode())
            if self.feeds_end:
                return
            await news.wait()

    async def _poll(self, request: Request) -> Response:
        """The feed as one answer; waits for news as long as it takes, or not at all once feeds end."""
        assert request.device is not None
        cursor, registry = int(request.query["cursor"]), int(request.query["registry"])
        while True:
            news = self._news
            entries = [
                encoding.decode(self._feed_entry(request.device, index).encode(), max_bytes=1 << 20)
                for index in range(cursor, self.logs["journal"].size)
            ]
            if entries or self.logs["registry"].size > registry:
                head = {"journal": self._note("journal"), "registry": self._note("registry")}
                found = {"cursor": cursor + len(entries), "registry": self.logs["registry"].size}
                return _json({"entries": entries, "head": head, **found})
            if self.feeds_end:
                return _json({"cursor": cursor, "entries": [], "registry": registry})
            await news.wait()

    def _feed_entry(self, device: str, index: int) -> str:
        value: dict[str, Any] = {"entry": encoding.b64(self.logs["journal"].entries[index]), "index": index}
        logged = self.journal[index]
        alert = None if logged is None else self.alerts.get(logged.statement.id)
        if alert is not None and alert.released and alert.index == index and device in alert.places:
            value["alert"] = self.alert_json(alert, device)
        return encoding.encode(value).decode()


def _json(value: dict[str, Any]) -> Response:
    return Response(200, {"content-type": "application/json"}, encoding.encode(value))


def _entry_kind(statement: Statement) -> str:
    if isinstance(statement.body, AlertBody):
        complete = len(statement.envelope.signer_ids) - 1 >= statement.body.core.approvals
        return RELEASED if complete else PROPOSED
    return REJECTED if isinstance(statement.body, AlertReject) else statement.kind.name


def _mark(body: AlertBody) -> AlertMark:
    audience = None
    if body.core.label is not Label.CLEAR:
        sealed = body.sealed
        audience = AudienceHead(depth=sealed.depth or 0, ephemeral=sealed.ephemeral or "", root=sealed.root or "")
    return AlertMark(audience=audience, id=body.core.alert, version=body.core.version)


def founding_of(simulator: Simulator) -> Founding:
    """The founding's body."""
    body = simulator.registry[0].statement.body
    assert isinstance(body, Founding)
    return body
