"""The description of a partnership that is about to begin, and the statements that begin it (``docs/spec/enrolment.md``).

One TOML file names the policy, the terms, the organisations and their persons. From it come the statements that the registrars sign
offline (``policy.adopt``, ``terms.define``, ``organisation.admit``, ``person.enrol``, in this order) and one invitation for each
person. Closed keys: an unknown one is named with the nearest known one, because a mistyped role that is silently ignored would be a
wrong role. Pure: time and randomness are arguments.
"""

from __future__ import annotations

import difflib
import hashlib
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from exchange.client.enrol import EnrolError, Preparation, commit
from exchange.client.home import Invited
from exchange.model.problems import first_error
from exchange.model.registry import DEFAULT_POLICY, Policy
from keys import encoding
from keys.registrar import SigningItem

MAX_DESCRIPTION = 4 << 20
"""Bytes of a description."""
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
"""Seconds of each unit of a term; what is shorter than a day is for trials and exercises."""
_HANDLE = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_TERM = re.compile(r"([1-9][0-9]{0,4})([smhd])")

_TOP = frozenset({"exchange", "organisation", "policy", "registrar", "terms"})
_EXCHANGE = frozenset({"origin", "threshold", "title"})
_TERMS = frozenset({"accept_within", "file", "version"})
_ORGANISATION = frozenset(
    {"areas", "contact", "expires_in", "handle", "kind", "name", "person", "sectors", "suspended"}
)
_PERSON = frozenset({"contact", "devices", "handle", "name", "notice", "roles", "title", "topics"})


@dataclass(frozen=True, slots=True)
class PersonEntry:
    """A person as the description names it; the handle names files and nothing that is signed."""

    handle: str
    name: str
    title: str | None
    contact: str | None
    notice: str | None
    roles: tuple[str, ...]
    topics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OrganisationEntry:
    """An organisation as the description names it; ``term`` is its membership in seconds."""

    handle: str
    name: str
    kind: str
    sectors: tuple[str, ...]
    areas: tuple[str, ...]
    contact: str | None
    term: int
    people: tuple[PersonEntry, ...]


@dataclass(frozen=True, slots=True)
class TermsEntry:
    """The terms of participation: the document's file name beside the description, version, time to accept in seconds."""

    file: str
    version: int
    accept_within: int


@dataclass(frozen=True, slots=True)
class Partnership:
    """A whole description."""

    origin: str
    policy: Policy
    terms: TermsEntry | None
    organisations: tuple[OrganisationEntry, ...]


@dataclass(frozen=True, slots=True)
class Invitee:
    """One person's invitation, under the handle that names its file."""

    handle: str
    invited: Invited


def parse(data: bytes) -> Partnership:
    """Read a description. Raises EnrolError ``bad-partnership``, which names the key that is wrong."""
    if len(data) > MAX_DESCRIPTION:
        raise _wrong(f"the description has more than {MAX_DESCRIPTION} bytes")
    try:
        document = tomllib.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _wrong(str(error)) from None
    top = _closed(document, _TOP, "the description")
    exchange = _closed(top.get("exchange"), _EXCHANGE, "[exchange]")
    organisations = tuple(_organisation(item) for item in _list(top, "organisation", "the description"))
    handles = [person.handle for organisation in organisations for person in organisation.people]
    for handle in handles:
        if handles.count(handle) > 1:
            raise _wrong(f"the handle {handle} stands twice")
    names = [organisation.name.casefold() for organisation in organisations]
    for organisation in organisations:
        if names.count(organisation.name.casefold()) > 1:
            raise _wrong(f"the organisation {organisation.name} stands twice")
    return Partnership(
        _text(exchange, "origin", "[exchange]"), _policy(top.get("policy", {})), _terms(top.get("terms")), organisations
    )


def statements(
    partnership: Partnership,
    preparation: Preparation,
    *,
    url: str,
    document: bytes | None,
    founded: bool,
    only: Collection[str] = (),
) -> tuple[list[SigningItem], list[Invitee]]:
    """The statements to sign, and the invitations.

    ``founded`` leaves policy and terms out (the exchange has them already); ``only`` takes the organisations with these handles.
    ``document`` are the bytes of the terms. Raises EnrolError (``bad-text``, ``bad-statement``, ``unknown-handle``).
    """
    items: list[SigningItem] = []
    invitees: list[Invitee] = []
    unknown = set(only) - {organisation.handle for organisation in partnership.organisations}
    if unknown:
        raise EnrolError("unknown-handle", f"the description has no organisation {', '.join(sorted(unknown))}")
    if not founded:
        items.append(SigningItem(preparation.statement("policy.adopt", policy=partnership.policy.to_json())))
        if partnership.terms is not None and document is not None:
            items.append(SigningItem(_define(partnership.terms, document, preparation)))
    for organisation in partnership.organisations:
        if only and organisation.handle not in only:
            continue
        identifier, admission = _admit(organisation, preparation)
        items.append(admission)
        for person in organisation.people:
            enrolled, item = preparation.person(
                identifier,
                name=person.name,
                roles=person.roles,
                topics=person.topics,
                title=person.title,
                contact=person.contact,
                notice=person.notice,
            )
            items.append(item)
            invitees.append(
                Invitee(
                    person.handle,
                    Invited(
                        exchange=preparation.exchange,
                        name=_named(item),
                        organisation=identifier,
                        person=enrolled,
                        roles=tuple(sorted(person.roles)),  # type: ignore[arg-type]
                        url=url,
                    ),
                )
            )
    return items, invitees


def _named(item: SigningItem) -> str:
    return next(opening.value for opening in item.openings if opening.field == "name")


def _admit(organisation: OrganisationEntry, preparation: Preparation) -> tuple[str, SigningItem]:
    identifier = encoding.b64u(preparation.random(16))
    commitments, openings = commit(preparation.random, name=organisation.name, contact=organisation.contact)
    envelope = preparation.statement(
        "organisation.admit",
        areas=sorted(set(organisation.areas)),
        commitments=commitments,
        expires=preparation.now + organisation.term,
        kind=organisation.kind,
        organisation=identifier,
        sectors=sorted(set(organisation.sectors)),
    )
    return identifier, SigningItem(envelope, openings)


def _define(terms: TermsEntry, document: bytes, preparation: Preparation) -> Any:
    return preparation.statement(
        "terms.define",
        accept_by=preparation.now + terms.accept_within,
        document={"length": len(document), "sha256": hashlib.sha256(document).hexdigest()},
        version=terms.version,
    )


# -- reading -----------------------------------------------------------------------------------------------------------


def _organisation(raw: Any) -> OrganisationEntry:
    where = f"[[organisation]] {raw.get('handle', '?') if isinstance(raw, dict) else '?'}"
    item = _closed(raw, _ORGANISATION, where)
    return OrganisationEntry(
        _handle(item, where),
        _text(item, "name", where),
        _text(item, "kind", where),
        _texts(item, "sectors", where),
        _texts(item, "areas", where),
        _optional(item, "contact", where),
        _term(item, "expires_in", where),
        tuple(_person(person, where) for person in _list(item, "person", where)),
    )


def _person(raw: Any, organisation: str) -> PersonEntry:
    where = f"{organisation}, person {raw.get('handle', '?') if isinstance(raw, dict) else '?'}"
    item = _closed(raw, _PERSON, where)
    return PersonEntry(
        _handle(item, where),
        _text(item, "name", where),
        _optional(item, "title", where),
        _optional(item, "contact", where),
        _optional(item, "notice", where),
        _texts(item, "roles", where),
        _texts(item, "topics", where),
    )


def _policy(raw: Any) -> Policy:
    try:
        # Sets of labels are sorted when they are signed; a person may write them in any order.
        value = dict(_table(raw, "[policy]"))
        if isinstance(value.get("publish"), dict):
            value["publish"] = {
                kind: tuple(sorted(labels)) if isinstance(labels, list) else labels
                for kind, labels in value["publish"].items()
                if labels != []
            }
        # What the description leaves out is filled in here, once, and then stands in what the registrars sign.
        return Policy.model_validate({**DEFAULT_POLICY.to_json(), **value})
    except ValidationError as error:
        raise _wrong(f"[policy]: {first_error(error)}") from None


def _terms(raw: Any) -> TermsEntry | None:
    if raw is None:
        return None
    item = _closed(raw, _TERMS, "[terms]")
    version = item.get("version", 1)
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise _wrong("[terms]: version is a number from 1 on")
    return TermsEntry(_text(item, "file", "[terms]"), version, _term(item, "accept_within", "[terms]"))


def _wrong(detail: str) -> EnrolError:
    return EnrolError("bad-partnership", detail)


def _table(raw: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(raw, dict):
        raise _wrong(f"{where} is missing, or not a table")
    return raw


def _closed(raw: Any, known: frozenset[str], where: str) -> Mapping[str, Any]:
    table = _table(raw, where)
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, sorted(known), n=1)
            raise _wrong(f"{where}: unknown key {key}" + (f"; the nearest known key is {near[0]}" if near else ""))
    return table


def _list(table: Mapping[str, Any], key: str, where: str) -> list[Any]:
    value = table.get(key)
    if not isinstance(value, list) or not value:
        raise _wrong(f"{where}: at least one {key} is needed")
    return value


def _text(table: Mapping[str, Any], key: str, where: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value.strip():
        raise _wrong(f"{where}: {key} is text")
    return value


def _optional(table: Mapping[str, Any], key: str, where: str) -> str | None:
    return _text(table, key, where) if key in table else None


def _texts(table: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    value = table.get(key)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _wrong(f"{where}: {key} is a list of texts")
    return tuple(value)


def _handle(table: Mapping[str, Any], where: str) -> str:
    handle = _text(table, "handle", where)
    if _HANDLE.fullmatch(handle) is None:
        raise _wrong(f"{where}: a handle is 1 to 40 of a-z, 0-9 and -")
    return handle


def _term(table: Mapping[str, Any], key: str, where: str) -> int:
    match = _TERM.fullmatch(str(table.get(key)))
    if match is None:
        raise _wrong(f'{where}: {key} is a number of days, such as "730d" (for a trial also s, m, h)')
    return int(match[1]) * _UNITS[match[2]]
