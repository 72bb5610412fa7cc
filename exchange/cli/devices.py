"""``exchange devices``: the own organisation's devices, and how long their weekly keys last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from exchange.cli.options import HomeOption, JsonOption, LangOption, PassphraseOption, chosen
from exchange.cli.terminal import Terminal
from exchange.cli.texts import help_text

if TYPE_CHECKING:
    from exchange.cli.member import Member

WEEK = 7 * 86_400
"""Seconds."""


def devices(
    renew: Annotated[bool, typer.Option("--renew", help=help_text("opt_renew_keys"))] = False,
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """List the devices; keys that run short are published anew, with ``--renew`` in any case."""
    import asyncio

    from exchange.cli.member import opened

    terminal = Terminal(chosen(lang), as_json=json, home=home)

    async def work() -> None:
        async with opened(terminal, passphrase_file) as member:
            if renew:
                await _renew(terminal, member)
            if member.state.outgoing():
                await member.refresh()  # what was published just now counts when it is seen in the log
            rows = [_row(terminal, member, device) for device in own_devices(member)]
            if json:
                terminal.json([row[1] for row in rows])
                return
            head = [terminal.text(f"head_{name}") for name in ("person", "label", "state", "keys", "device")]
            terminal.table([row[0] for row in rows], head)
            left = weeks_left(member, member.home.membership.device)
            terminal.say("keys_enough", left=max(left or 0, 0))

    asyncio.run(work())


async def _renew(terminal: Terminal, member: Member) -> None:
    from exchange.client.weeks import publish_weeks

    # Opening the home may have published keys already; a week is published once.
    await member.refresh()
    last = await publish_weeks(member.client)
    if last is not None:
        await member.refresh()
        terminal.say("keys_published", week=last % 100, year=last // 100)


def own_devices(member: Member) -> list[str]:
    """The devices of the own organisation, by person and in order of enrolment."""
    facts = member.facts
    people = facts.people_of.get(member.person.organisation, ())
    return [device for person in people for device in facts.devices_of.get(person, ())]


def weeks_left(member: Member, device: str) -> int | None:
    """Whole weeks after this one for which the device has published keys; None without any."""
    from exchange.cli.connect import now
    from keys.encoding import week_of, week_range

    last = member.client.replica.epochs.last_week(device)
    if last is None:
        return None
    return (week_range(last)[0] - week_range(week_of(now()))[0]) // WEEK


def _row(terminal: Terminal, member: Member, device: str) -> tuple[list[str], dict[str, object]]:
    facts, names = member.facts, member.names
    found = facts.devices[device]
    here = device == member.home.membership.device
    label = names.of(device) if names.known(device) else ""
    state = "device_revoked" if found.revoked else "device_here" if here else "device_in_force"
    last, left = member.client.replica.epochs.last_week(device), weeks_left(member, device)
    keys = terminal.text("keys_none")
    if last is not None and left is not None and left >= 0:
        keys = terminal.text("keys_weeks", week=last % 100, year=last // 100, left=left)
    row = [names.of(found.person), label, terminal.text(state), keys, device]
    return row, {
        "device": device,
        "here": here,
        "label": label,
        "last_week": last,
        "person": found.person,
        "revoked": found.revoked,
        "weeks_left": left,
    }
