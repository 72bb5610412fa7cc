"""The life of a session and of an alert in any order, over the same declarations: what schemathesis cannot make.

A challenge is answered with a signature, a blob is uploaded under its hash, a statement claims it: links of a document cannot
say that. Every answer is held against the route table where it is read (``tests.support.contract``), and here against what
happened before: who has a session, what is released, whose device was revoked.

``EXPLORE=N`` makes N times as many runs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, multiple, rule, run_state_machine_as_test

from exchange.web.declare import Access
from exchange.web.routes import ROUTES
from keys import encoding
from tests.support.threaded import Place, place
from tests.support.web import Answer
from tests.support.world import Member

TIMES = int(os.environ.get("EXPLORE", "1"))
PHASES = (Phase.generate,)
"""A failure is told as it was found: to make it smaller takes longer than to read it."""
ROLES = ("author", "approver", "administrator", "officer", "stranger", "auditor")
NO_TAG = "AAAAAAAAAAA"
WRONG = (
    {"at": 0, "not_after": 300},
    {"challenge": "A" * 43},
    {"exchange": "0" * 64},
    {"issuer": {"device": "A" * 22}},
    {"x": 1},
)
"""What makes a session.open one that opens nothing."""


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place(tmp_path_factory.mktemp("stateful")) as found:
        yield found


READS = sorted(
    route.template
    for route in ROUTES
    if route.method == "GET" and route.access is Access.SESSION and "{place}" not in route.template
    if not route.template.startswith("/v1/feed")
)


def machine(here: Place) -> type[RuleBasedStateMachine]:
    world, there = here.world, here.partnership

    class Life(RuleBasedStateMachine):
        challenges = Bundle("challenges")
        sessions = Bundle("sessions")
        uploads = Bundle("uploads")
        alerts = Bundle("alerts")

        def __init__(self) -> None:
            super().__init__()
            self.ended: set[str] = set()
            self.revoked: set[str] = set()
            self.sent: dict[str, tuple[Any, Answer]] = {}

        def call(self, *arguments: Any) -> Answer:
            return here.run(world.call(*arguments))

        def lives(self, answer: Answer, session: tuple[Member, str]) -> bool:
            """Whether the caller was let in, which must be so exactly as long as its session and its device live."""
            member, token = session
            over = token in self.ended or member.device in self.revoked
            assert (answer.status == 401 or (answer.status == 403 and answer.code == "device-revoked")) == over, (
                answer.body
            )
            return not over

        # -- sessions ---------------------------------------------------------------------------------------------

        @rule(target=challenges)
        def ask(self) -> str:
            return here.run(world.challenge())

        def opening(self, challenge: str, member: Member, changes: dict[str, Any] | None = None) -> Answer:
            body = world.session_statement(member, **{"challenge": challenge, **(changes or {})})
            return self.call("POST", "/v1/sessions", None, body)

        @rule(target=sessions, challenge=consumes(challenges), role=st.sampled_from(ROLES))
        def open(self, challenge: str, role: str) -> Any:
            member = getattr(there, role)
            answer = self.opening(challenge, member)
            assert answer.status == 201, answer.body
            again = self.opening(challenge, member)
            assert (again.status, again.code) == (403, "challenge-used")
            return member, str(answer.json["token"])

        @rule(
            challenge=consumes(challenges),
            role=st.sampled_from(ROLES),
            change=st.sampled_from(WRONG),
        )
        def open_wrongly(self, challenge: str, role: str, change: dict[str, Any]) -> None:
            assert self.opening(challenge, getattr(there, role), change).status in (400, 403)

        @rule(session=sessions)
        def end(self, session: tuple[Member, str]) -> None:
            if self.lives(self.call("DELETE", "/v1/session", session[1]), session):
                self.ended.add(session[1])

        @rule(target=sessions, role=st.sampled_from(["officer", "author"]))
        def newcomer(self, role: str) -> Any:
            async def enrolled() -> tuple[Member, str]:
                organisation = there.company if role == "officer" else there.authority
                member = await world.enrol("Neuling", organisation, role, keyless=True)
                return member, await world.session(member)

            return here.run(enrolled())

        @rule(session=sessions)
        def revoke(self, session: tuple[Member, str]) -> None:
            member = session[0]
            if member not in [getattr(there, role) for role in ROLES] and member.device not in self.revoked:
                here.run(there.revoke(member))
                self.revoked.add(member.device)

        # -- uploads and statements -------------------------------------------------------------------------------

        @rule(target=uploads, session=sessions, data=st.binary(min_size=1, max_size=3000), lie=st.booleans())
        def upload(self, session: tuple[Member, str], data: bytes, lie: bool) -> Any:
            digest = "0" * 64 if lie else sha256(data).hexdigest()
            answer = self.call("PUT", f"/v1/blobs/{digest}", session[1], data)
            if not self.lives(answer, session):
                return multiple()
            assert answer.status in ((400,) if lie else (200, 201)), answer.body
            return multiple() if lie else digest

        @rule(session=sessions, digest=uploads)
        def fetch_what_nobody_claimed(self, session: tuple[Member, str], digest: str) -> None:
            answer = self.call("GET", f"/v1/blobs/{digest}", session[1])
            if self.lives(answer, session):
                assert (answer.status, answer.code) == (403, "not-entitled")

        @rule(session=sessions)
        def publish_keys(self, session: tuple[Member, str]) -> None:
            """A bundle is uploaded, then the statement claims it; a revoked device's is refused."""
            member, token = session
            identity = world.identities[member.device]
            week = 203001 + len(self.sent)
            bundle, keys, _ = identity.new_epochs([week], world.random)
            digest = sha256(bundle).hexdigest()
            here_already = self.lives(self.call("PUT", f"/v1/blobs/{digest}", token, bundle), session)
            body = world.common(
                bundle={"length": len(bundle), "sha256": digest},
                issuer={"device": member.device},
                keys=[{"hash": known, "week": number} for number, known in keys],
            )
            answer = here.run(world.send(world.sign("epoch.publish", body, identity.signer)))
            if not here_already:
                assert answer.status in (403, 409), answer.body

        @rule(target=alerts, session=sessions, label=st.sampled_from(["GREEN", "AMBER", "CLEAR"]))
        def post_alert(self, session: tuple[Member, str], label: str) -> Any:
            """Parts and pack are uploaded with the session, then the alert is posted, by whoever asks for it."""
            member, token = session
            if token in self.ended or member.device in self.revoked:
                return multiple()

            async def posted() -> tuple[Any, Answer]:
                world.uploading[member.device] = token
                try:
                    audience = None if label == "CLEAR" else there.audience
                    approval = {"approvals": 1, "approvers": [there.approver.person]} if label == "CLEAR" else {}
                    statement = await world.alert(member, label, audience, core=approval)
                finally:
                    del world.uploading[member.device]
                return statement, await world.send(statement)

            statement, answer = here.run(posted())
            if "author" not in member.roles:
                assert answer.status in (403, 422), answer.body
                return multiple()
            assert answer.status == 200, answer.body
            self.sent[statement.id] = statement, answer
            return statement.id

        @rule(statement=alerts)
        def post_again(self, statement: str) -> None:
            """The same statement again gets the same place."""
            sent, before = self.sent[statement]
            again = here.run(world.send(sent))
            assert [r["index"] for r in again.json["results"]] == [r["index"] for r in before.json["results"]]

        @rule(statement=alerts, spoilt=st.sampled_from(["payload", "sig", "keyid"]))
        def post_spoilt(self, statement: str, spoilt: str) -> None:
            envelope = self.sent[statement][0].envelope.to_json()
            holder = envelope if spoilt == "payload" else envelope["signatures"][0]
            text = holder[spoilt]
            holder[spoilt] = ("A" if text[0] != "A" else "B") + text[1:]
            body = encoding.encode({"statements": [{"envelope": envelope}]})
            answer = self.call("POST", "/v1/statements", None, body)
            if answer.status == 200:
                # A statement is known by its id, which signatures are no part of: the one first accepted stays.
                assert spoilt != "payload"
                assert answer.json["results"][0]["index"] == self.sent[statement][1].json["results"][0]["index"]

        # -- reading ----------------------------------------------------------------------------------------------

        @rule(session=sessions, statement=alerts, template=st.sampled_from(READS), tagged=st.booleans())
        def read(self, session: tuple[Member, str], statement: str, template: str, tagged: bool) -> None:
            part = self.sent[statement][0].alert.sealed.parts[0].sha256
            path = template.format(id=statement, sha256=part)
            if template == "/v1/alerts/{id}" and tagged:
                path += f"?tag={NO_TAG}"
            self.lives(self.call("GET", path, session[1]), session)

        @rule(
            session=sessions, log=st.sampled_from(["registry", "journal"]), level=st.integers(0, 2), whole=st.booleans()
        )
        def read_tiles(self, session: tuple[Member, str], log: str, level: int, whole: bool) -> None:
            size = world.sizes()[log == "journal"]
            width = "" if whole else f".p/{size % 256 or 1}"
            tile = self.call("GET", f"/{log}/tile/{level}/000{width}")
            assert tile.status == (200 if level == 0 and (not whole or size >= 256) else 404)
            answer = self.call("GET", f"/{log}/tile/entries/000{width}", session[1])
            if self.lives(answer, session):
                assert answer.status == (404 if whole and size < 256 else 200)
            assert self.call("GET", f"/{log}/checkpoint").status == 200

        @rule(session=sessions, back=st.integers(0, 3), ahead=st.booleans())
        def poll(self, session: tuple[Member, str], back: int, ahead: bool) -> None:
            registry, journal = world.sizes()
            cursor = journal + 1 if ahead else max(0, journal - back)
            answer = self.call("GET", f"/v1/feed/poll?cursor={cursor}&registry={registry}&wait=0", session[1])
            if self.lives(answer, session):
                assert answer.status == (400 if ahead else 200)

        @rule(statement=alerts, page=st.sampled_from(["", "/evidence", "/attachments/1"]))
        def read_in_public(self, statement: str, page: str) -> None:
            """A proposal of a CLEAR alert, and every other label: not there, for strangers."""
            answer = self.call("GET", f"/clear/{statement}{page}")
            assert (answer.status, answer.code) == (404, "alert-unknown")

    return Life


def test_sessions_uploads_statements_and_reads_in_any_order_answer_what_is_declared(here: Place):
    run_state_machine_as_test(
        machine(here),
        settings=settings(
            max_examples=8 * TIMES,
            stateful_step_count=30,
            deadline=None,
            phases=PHASES,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
