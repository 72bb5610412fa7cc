"""``exchange witnesses name``: prepare the naming of the witnesses, all of them; the registrars sign it offline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exchange.cli.options import (
    HomeOption,
    JsonOption,
    LangOption,
    PassphraseOption,
    RegistrarOption,
    chosen,
)
from exchange.cli.terminal import USAGE, CommandError, Terminal, read_file
from exchange.cli.texts import help_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exchange.model.registry import NamedWitness

MAX_CARD = 4_096
"""Bytes of a card; its keys take 1,800 of them."""


def name(
    quorum: Annotated[int, typer.Option("--quorum", metavar="N", min=0, help=help_text("opt_quorum"))],
    cards: Annotated[list[Path] | None, typer.Argument(metavar="CARD...", help=help_text("arg_witness_cards"))] = None,
    keep: Annotated[bool, typer.Option("--keep", help=help_text("opt_witnesses_keep"))] = False,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help=help_text("opt_out"))] = Path("witnesses.json"),
    registrar: RegistrarOption = None,
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Write a signing file that names the witnesses from now on, and say who stays, goes and comes."""
    import asyncio

    from exchange.cli.member import opened
    from exchange.cli.registry import prepare_for_registrars, write_for_registrars
    from exchange.model.registry import MAX_WITNESSES, NamedWitness, WitnessName
    from exchange.model.statements import parse_statement
    from exchange.policy.witnesses import check_witnesses
    from keys.encoding import b64u
    from keys.registrar import SigningItem
    from keys.verify import LogPublicKey, witness_fingerprint

    terminal = Terminal(chosen(lang), as_json=json, home=home)
    given: dict[str, NamedWitness] = {}
    for path in cards or ():
        card = _card(path)
        if card.name in given:
            raise CommandError("witnesses_twice", status=USAGE, name=card.name)
        given[card.name] = card

    async def work() -> None:
        async with opened(terminal, passphrase_file) as member:
            before = {
                witness.name: NamedWitness(
                    name=witness.name, ed25519=b64u(witness.ed25519), mldsa44=b64u(witness.mldsa44), url=witness.url
                )
                for witness in member.facts.witnesses
            }
            named = {**(before if keep else {}), **given}
            _check_number(named, quorum, MAX_WITNESSES)
            for called in sorted(before.keys() | named.keys()):
                witness = named.get(called)
                if witness is None:
                    terminal.say("witnesses_goes", name=called)
                    continue
                if before.get(called) == witness:
                    terminal.say("witnesses_stays", name=called, url=witness.url)
                else:
                    word = "witnesses_changes" if called in before else "witnesses_comes"
                    terminal.say(word, name=called, url=witness.url)
                    key = {"ed25519": witness.ed25519, "mldsa44": witness.mldsa44}
                    terminal.say_line(f"    {witness_fingerprint(LogPublicKey.from_json(key))}")
            terminal.say("witnesses_enough" if named else "witnesses_nobody", quorum=quorum, number=len(named))
            if named and 2 * quorum <= len(named):
                terminal.say("witnesses_loose", quorum=quorum, number=len(named))
            if named.keys() - before.keys():
                terminal.hint("hint_witnesses_compare")
            envelope = prepare_for_registrars(member, registrar).statement(
                "witness.name",
                previous=member.facts.chains.get("witnesses"),
                quorum=quorum,
                witnesses=[named[called].to_json() for called in sorted(named)],
            )
            body = parse_statement(envelope).body
            if isinstance(body, WitnessName):
                check_witnesses(member.facts, body)
            write_for_registrars(terminal, member, [SigningItem(envelope)], out)

    asyncio.run(work())


def _card(path: Path) -> NamedWitness:
    """A witness's card as its operator handed it over. Raises CommandError ``witnesses_bad_card``."""
    from pydantic import ValidationError

    from exchange.model.problems import first_error
    from exchange.model.registry import NamedWitness
    from exchange.policy.witnesses import working_witness
    from keys import encoding
    from keys.errors import KeysError
    from keys.verify import LogPublicKey, check_log_key

    data = read_file(path, max_bytes=MAX_CARD)
    try:
        card = NamedWitness.model_validate(encoding.decode(data.removesuffix(b"\n"), max_bytes=MAX_CARD))
        witness = working_witness(card)
        check_log_key(LogPublicKey(witness.ed25519, witness.mldsa44))
    except ValidationError as error:
        raise CommandError("witnesses_bad_card", file=path, reason=first_error(error)) from None
    except KeysError as error:
        raise CommandError("witnesses_bad_card", file=path, reason=error) from None
    return card


def _check_number(named: Mapping[str, NamedWitness], quorum: int, most: int) -> None:
    if not named and quorum:
        raise CommandError("witnesses_none", status=USAGE)
    if len(named) > most or not (1 if named else 0) <= quorum <= len(named):
        raise CommandError("witnesses_number", status=USAGE, number=len(named), quorum=quorum, most=most)
