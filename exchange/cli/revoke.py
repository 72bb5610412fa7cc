"""``exchange revoke``: a lost device stops reading. At once by its own person or administrator, else by the registrars."""

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
    YesOption,
    chosen,
)
from exchange.cli.terminal import CommandError, Terminal
from exchange.cli.texts import help_text

if TYPE_CHECKING:
    from exchange.cli.member import Member
    from exchange.policy.members import Device


def revoke(
    device: Annotated[str, typer.Argument(metavar="DEVICE", help=help_text("arg_device"))],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help=help_text("opt_out"))] = Path("revoke.json"),
    registrar: RegistrarOption = None,
    yes: YesOption = False,
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Revoke a device for good; what it has received stays on it."""
    import asyncio

    from exchange.cli.admit import report
    from exchange.cli.member import opened
    from exchange.cli.registry import administers, carry_or_post, prepare, prepare_for_registrars, write_for_registrars
    from keys.registrar import SigningItem

    terminal = Terminal(chosen(lang), as_json=json, home=home)

    async def work() -> None:
        async with opened(terminal, passphrase_file) as member:
            found = find_device(member, device)
            owner = member.facts.persons[found.person]
            at_once = owner.id == member.person.id or administers(member, owner.organisation)
            prepared = prepare(member, alone=True) if at_once else prepare_for_registrars(member, registrar)
            envelope = prepared.statement(
                "device.revoke", device=found.id, previous=member.facts.chains[f"device/{found.id}"]
            )
            names = {"label": member.names.of(found.id), "name": member.names.of(owner.id)}
            if not at_once:
                terminal.say("prepared_revoke", **names)
                write_for_registrars(terminal, member, [SigningItem(envelope)], out)
                return
            if found.id == member.home.membership.device:
                terminal.say("revoke_this_device")
            terminal.confirm("ask_revoke", yes=yes, **names)
            results = await carry_or_post(terminal, member, [SigningItem(envelope)], signers="one", out=None)
            report(terminal, results or [])

    asyncio.run(work())


def find_device(member: Member, wanted: str) -> Device:
    """A device in force by id, or by its label when only one bears it. Raises CommandError ``device_unknown``, ``_ambiguous``."""
    found = [
        device
        for device in member.facts.devices.values()
        if not device.revoked and (device.id == wanted or member.names.of(device.id).casefold() == wanted.casefold())
    ]
    if not found:
        raise CommandError("device_unknown", hints=("hint_devices",), name=wanted)
    if len(found) > 1:
        raise CommandError("device_ambiguous", hints=("hint_take_id",), name=wanted)
    return found[0]
