"""``exchange admit``: device requests become enrolments, and completely signed files are posted.

Three situations, told apart by what the files are: requests at an administrator's home (signed and posted at once for
plain officers, carried to a second person for privileged ones); requests in the registry office, which has an address and no
home (carried to the registrars); a signing file whose signatures are complete (posted, all or none).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exchange.cli.options import (
    HomeOption,
    JsonOption,
    LangOption,
    OutOption,
    PassphraseOption,
    RegistrarOption,
    RotationOption,
    UrlOption,
    YesOption,
    chosen,
)
from exchange.cli.terminal import USAGE, CommandError, Terminal, read_file, write_new
from exchange.cli.texts import help_text

if TYPE_CHECKING:
    from exchange.client.answers import Result
    from exchange.client.enrol import DeviceRequest, Greeting
    from exchange.model.registry import Founding
    from keys.envelope import Envelope
    from keys.registrar import SigningFile, SigningItem
    from keys.rotation import Registrars


def admit(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help=help_text("arg_admit"))],
    registry: Annotated[
        list[Path] | None, typer.Option("--registry", metavar="FILE", help=help_text("opt_registry"))
    ] = None,
    registrar: RegistrarOption = None,
    exchange: Annotated[str | None, typer.Option("--exchange", metavar="ID", help=help_text("opt_exchange"))] = None,
    rotation: RotationOption = None,
    url: UrlOption = None,
    out: OutOption = None,
    yes: YesOption = False,
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Enrol devices from their requests, or post a file of statements that is completely signed."""
    import asyncio

    from exchange.client.enrol import MAX_REQUEST, is_request, parse_request
    from exchange.client.home import read_membership
    from keys.registrar import MAX_SIGNING_FILE, SigningFile

    terminal = Terminal(chosen(lang), as_json=json, home=home)
    contents = [read_file(path, max_bytes=MAX_SIGNING_FILE) for path in files]
    requests = [is_request(content) for content in contents]
    if any(requests) and not all(requests):
        raise CommandError("admit_mixed", status=USAGE)
    if all(requests):
        asked = [parse_request(content[: MAX_REQUEST + 1]) for content in contents]
        if url is not None:
            if out is None:
                raise CommandError("admit_needs_out", hints=("hint_admit_out",), status=USAGE)
            asyncio.run(_office(terminal, asked, url, registry or [], registrar, exchange, out, yes, rotation))
        else:
            asyncio.run(_administrator(terminal, asked, passphrase_file, out, yes))
        return
    signed = [SigningFile.load(content) for content in contents]
    address = url if url is not None else read_membership(terminal.home).url
    expected = exchange if url is not None else read_membership(terminal.home).exchange
    asyncio.run(_post(terminal, signed, address, expected, rotation))


async def _office(
    terminal: Terminal,
    requests: Sequence[DeviceRequest],
    url: str,
    registry: Sequence[Path],
    registrar: Path | None,
    exchange: str | None,
    out: Path,
    yes: bool,
    rotated: Sequence[Path] | None,
) -> None:
    """The registry office: an address, the enrolments that the registrars signed (for the names), and no home."""
    from os import urandom

    from exchange.cli.connect import must_sign, preparation, public, registrar_issuer, rotations
    from exchange.client.enrol import greet
    from keys.registrar import MAX_SIGNING_FILE, MAX_STATEMENTS, SigningFile

    async with public(url) as api:
        greeting = await greet(api, exchange, rotations(rotated))
    names: dict[str, str] = {}
    for path in registry:
        names.update(names_in(SigningFile.load(read_file(path, max_bytes=MAX_SIGNING_FILE)), greeting.exchange))
    if len(requests) > MAX_STATEMENTS:
        raise CommandError("too_many_requests", most=MAX_STATEMENTS)
    prepared = preparation(greeting.exchange, greeting.seen, registrar_issuer(greeting.registrars, registrar), urandom)
    items = [prepared.device(request) for request in requests]
    show_requests(terminal, requests, names)
    if not registry:
        terminal.hint("hint_registry")
    terminal.confirm("ask_fingerprints", yes=yes, number=len(requests))
    write_new(out, SigningFile(greeting.exchange, tuple(items)).save())
    terminal.say("carry_registrars", file=out)
    first = must_sign(prepared.issuer, registrar)
    terminal.hint("hint_sign_registry", file=out, threshold=greeting.registrars.threshold, url=url, first=first)
    if terminal.as_json:
        terminal.json({"file": str(out), "statements": [item.envelope.statement_id for item in items]})
    else:
        terminal.data(out)


def names_in(file: SigningFile, exchange: str) -> dict[str, str]:
    """Names of persons by id, from the enrolments in a signing file; each opening is held against its commitment.

    A name that the applicant writes into the own request would prove nothing, so it has none: this is where names come from.
    """
    from keys.encoding import commitment
    from keys.registrar import body_of

    names: dict[str, str] = {}
    if file.exchange != exchange:
        raise CommandError("registry_other_exchange")
    for item in file.items:
        if item.envelope.kind != "person.enrol":
            continue
        body = body_of(item)
        for opening in item.openings:
            if opening.field == "name" and body["commitments"].get("name") == commitment(
                opening.field, opening.salt, opening.value
            ):
                names[str(body["person"])] = opening.value
    return names


def show_requests(terminal: Terminal, requests: Sequence[DeviceRequest], names: dict[str, str]) -> None:
    """Who asks, and the digits that are compared by telephone; on stderr, because they are read by a person."""
    for request in requests:
        name = names.get(request.person)
        terminal.say(
            "request_line",
            name=name if name is not None else terminal.text("name_unknown"),
            person=request.person,
            label=request.label.value,
        )
        terminal.say_line(f"    {request.fingerprint}")


async def _administrator(
    terminal: Terminal, requests: Sequence[DeviceRequest], passphrase_file: Path | None, out: Path | None, yes: bool
) -> None:
    from exchange.cli.member import opened
    from exchange.cli.registry import administers, carry_or_post, check_administrator, needs, prepare

    async with opened(terminal, passphrase_file) as member:
        check_administrator(member)
        kinds = set()
        for request in requests:
            person = member.facts.persons.get(request.person)
            if person is None or person.removed or not administers(member, person.organisation):
                raise CommandError("request_not_ours", label=request.label.value, person=request.person)
            kinds.add(needs(frozenset(), person.roles))
        if "registrars" in kinds:
            raise CommandError("auditor_by_registrars", hints=("hint_office",))
        if len(kinds) > 1:
            raise CommandError("admit_mixed_roles", hints=("hint_one_by_one",))
        show_requests(terminal, requests, {r.person: member.names.of(r.person) for r in requests})
        terminal.confirm("ask_fingerprints", yes=yes, number=len(requests))
        signers = kinds.pop()
        prepared = prepare(member, alone=signers == "one")
        items = [prepared.device(request) for request in requests]
        results = await carry_or_post(terminal, member, items, signers=signers, out=out)
        if results is not None:
            report(terminal, results)


async def _post(
    terminal: Terminal,
    files: Sequence[SigningFile],
    url: str,
    expected: str | None,
    rotated: Sequence[Path] | None,
) -> None:
    from exchange.cli.connect import public, rotations
    from exchange.client.enrol import check_founding, founding_in, greet, submit

    items: list[SigningItem] = [item for file in files for item in file.items]
    async with public(url) as api:
        founding = founding_in(files[0])
        if founding is not None:
            body = check_complete_founding(founding, expected)
            terminal.say("founding_by", origin=body.origin, threshold=body.threshold, number=len(body.registrars))
        else:
            greeting: Greeting = await greet(api, expected, rotations(rotated))
            for file in files:
                if file.exchange != greeting.exchange:
                    raise CommandError("file_other_exchange")
            check_signed(items, greeting.registrars)
        with terminal.progress("progress_post", len(items)) as done:
            results = await submit(api, items)
            done(len(results))
        if founding is not None:
            check_founding((await api.exchange()).founding, founding.statement_id)
    report(terminal, results)


def check_complete_founding(founding: Envelope, expected: str | None) -> Founding:
    """A founding that is signed by exactly its threshold. Raises CommandError ``signatures_missing``."""
    from exchange.client.enrol import check_founding
    from exchange.client.home import founding_of

    _refuse_lacking([founding_of(founding).threshold - len(founding.signer_ids)])
    return check_founding(founding, expected)


def check_signed(items: Sequence[SigningItem], registrars: Registrars) -> None:
    """Every statement has all its signers, as far as this side can tell. Raises CommandError ``signatures_missing``, ``_extra``."""
    from exchange.client.enrol import lacking
    from keys.registrar import body_of

    _refuse_lacking([lacking(item, registrars) for item in items])
    for item in items:
        issuer = body_of(item)["issuer"].get("registrar")
        if issuer is not None and issuer not in item.envelope.signer_ids:
            raise CommandError("issuer_missing", hints=("hint_issuer_missing",), registrar=issuer[:16])


def _refuse_lacking(counts: Sequence[int]) -> None:
    missing, extra = [c for c in counts if c > 0], [c for c in counts if c < 0]
    if missing:
        raise CommandError("signatures_missing", hints=("hint_sign",), number=len(missing), lacking=max(missing))
    if extra:
        raise CommandError("signatures_extra", hints=("hint_signatures_extra",), number=len(extra))


def report(terminal: Terminal, results: Sequence[Result]) -> None:
    """Where the statements stand: log, index, kind and id."""
    terminal.say("admit_done", number=len(results))
    if terminal.as_json:
        terminal.json(
            {"results": [{"index": r.index, "kind": r.kind, "log": r.log, "statement": r.statement} for r in results]}
        )
    else:
        terminal.table([(r.log, r.index, r.kind, r.statement) for r in results])
