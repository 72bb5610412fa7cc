"""``exchange countersign``: the second administrator reads what the first has prepared, signs it, and it is posted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exchange.cli.options import HomeOption, JsonOption, LangOption, PassphraseOption, YesOption, chosen
from exchange.cli.terminal import CommandError, Terminal, read_file
from exchange.cli.texts import help_text

if TYPE_CHECKING:
    from exchange.cli.member import Member


def countersign(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=help_text("arg_countersign"))],
    yes: YesOption = False,
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Show the statements of a signing file, sign them as the second person, and post them."""
    import asyncio

    from exchange.cli.admit import check_signed, report
    from exchange.cli.connect import now
    from exchange.cli.member import opened
    from exchange.cli.registry import check_administrator
    from exchange.client.enrol import registrars_of, submit
    from keys.registrar import MAX_SIGNING_FILE, SigningFile, SigningItem, body_of
    from keys.sign import add_signature
    from keys.words import describe

    terminal = Terminal(chosen(lang), as_json=json, home=home)
    carried = SigningFile.load(read_file(file, max_bytes=MAX_SIGNING_FILE))

    async def work() -> None:
        async with opened(terminal, passphrase_file) as member:
            check_administrator(member)
            membership = member.home.membership
            if carried.exchange != membership.exchange:
                raise CommandError("file_other_exchange")
            carried.check(now())
            known = tuple(device.signing for device in member.facts.devices.values() if not device.revoked)
            for number, item in enumerate(carried.items, 1):
                _check_first(member, body_of(item)["issuer"])
                terminal.say_line(f"{number}.")
                for line in describe(item, known, language=terminal.language):
                    terminal.say_line(line)
            terminal.confirm("ask_countersign", yes=yes, number=len(carried.items))
            signer = member.home.identity.signer
            items = [SigningItem(add_signature(i.envelope, signer), i.openings) for i in carried.items]
            check_signed(items, registrars_of(member.facts))
            results = await submit(member.api, items)
            await member.refresh()
            report(terminal, results)

    asyncio.run(work())


def _check_first(member: Member, issuer: dict[str, str]) -> None:
    """The first signer is another person of the same organisation; two devices of one person are one person (M8)."""
    device = member.facts.devices.get(issuer.get("device", ""))
    if device is None:
        raise CommandError("not_for_countersigning")
    person = member.facts.persons[device.person]
    if person.id == member.person.id:
        raise CommandError("second_is_first")
    if person.organisation != member.person.organisation:
        raise CommandError("not_for_countersigning")
