"""``exchange client``: register or renew a client of the own organisation, and list the clients."""

from __future__ import annotations

from typing import Annotated

import typer

from exchange.cli.options import HomeOption, JsonOption, LangOption, OutOption, PassphraseOption, YesOption, chosen
from exchange.cli.terminal import CommandError, Terminal
from exchange.cli.texts import help_text


def register(
    name: Annotated[str, typer.Argument(metavar="NAME", help=help_text("arg_client"))],
    term: Annotated[str, typer.Option("--for", metavar="365d", help=help_text("opt_for"))] = "365d",
    contact: Annotated[str | None, typer.Option("--contact", metavar="TEXT", help=help_text("opt_contact"))] = None,
    out: OutOption = None,
    yes: YesOption = False,
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Register a client, or renew the one of this name; a second administrator or a registrar signs, too."""
    import asyncio
    from os import urandom

    from exchange.cli.member import opened
    from exchange.cli.registry import carry_or_post, check_administrator, prepare
    from exchange.cli.times import duration, moment
    from exchange.client.enrol import commit
    from keys import encoding
    from keys.registrar import SigningItem

    terminal = Terminal(chosen(lang), as_json=json, home=home)
    seconds = duration(term)

    async def work() -> None:
        async with opened(terminal, passphrase_file) as member:
            own = check_administrator(member)
            facts = member.facts
            known = [
                client
                for client in facts.clients_of.get(own.organisation, ())
                if not facts.organisations[client].removed
                and (client == name or member.names.of(client).casefold() == name.casefold())
            ]
            if len(known) > 1:
                raise CommandError("organisation_ambiguous", hints=("hint_take_id",), name=name)
            prepared = prepare(member, alone=False)
            expires = prepared.now + seconds
            client = known[0] if known else encoding.b64u(urandom(16))
            if known and expires < facts.organisations[client].expires:
                until = moment(facts.organisations[client].expires, terminal.language)
                raise CommandError("renew_shortens", until=until)
            called = member.names.of(client) if known and name == client else name
            commitments, openings = commit(urandom, name=called, contact=contact)
            envelope = prepared.statement(
                "client.register",
                commitments=commitments,
                expires=expires,
                organisation=client,
                previous=facts.chains.get(f"organisation/{client}"),
                sponsor=own.organisation,
            )
            until = moment(expires, terminal.language)
            terminal.confirm("ask_client_renew" if known else "ask_client", yes=yes, name=called, until=until)
            await carry_or_post(terminal, member, [SigningItem(envelope, openings)], signers="two", out=out)
            if json:
                terminal.json({"client": client, "file": str(out), "statements": [envelope.statement_id]})
            else:
                terminal.data(client)

    asyncio.run(work())


def listing(
    passphrase_file: PassphraseOption = None, home: HomeOption = None, lang: LangOption = None, json: JsonOption = False
) -> None:
    """List the clients of the own organisation, until when they are registered and who receives there."""
    import asyncio

    from exchange.cli.connect import now
    from exchange.cli.member import opened
    from exchange.cli.registry import standing
    from exchange.cli.times import iso, moment
    from exchange.policy.explain import explain

    terminal = Terminal(chosen(lang), as_json=json, home=home)

    async def work() -> None:
        async with opened(terminal, passphrase_file, may_be_offline=True) as member:
            facts, names = member.facts, member.names
            clients = facts.clients_of.get(member.person.organisation, ())
            people = {c: [p for p in facts.people_of.get(c, ()) if not facts.persons[p].removed] for c in clients}
            if json:
                found = [
                    {
                        "client": c,
                        "expires": iso(facts.organisations[c].expires),
                        "name": names.of(c),
                        "people": people[c],
                        "state": standing(member, c, now()) or "in-force",
                    }
                    for c in clients
                ]
                terminal.json({"clients": found})
                return
            head = [terminal.text(key) for key in ("head_client", "head_until", "head_state", "head_people")]
            rows = []
            for c in clients:
                fault = standing(member, c, now())
                state = terminal.text("state_in_force") if fault is None else explain(fault, language=terminal.language)
                until = moment(facts.organisations[c].expires, terminal.language)
                rows.append((names.of(c), until, state, ", ".join(map(names.of, people[c]))))
            terminal.table(rows, head)

    asyncio.run(work())
