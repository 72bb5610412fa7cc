"""``exchange publish``: preview, confirm, seal, sign, post; what is signed is exactly what was shown."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exchange.cli.options import HomeOption, JsonOption, LangOption, PassphraseOption, YesOption, chosen
from exchange.cli.terminal import REFUSED, CommandError, Terminal
from exchange.cli.texts import help_text
from exchange.cli.witnesses import UnwitnessedOption, check_unwitnessed

if TYPE_CHECKING:
    from exchange.cli.member import Member
    from exchange.client.draft import Draft, Preview
    from exchange.client.publish import Released

POOL_FROM = 400
"""Stanzas from which on worker processes are worth their start."""


def publish(
    source: Annotated[Path, typer.Argument(metavar="FILE.md", help=help_text("arg_source"))],
    confirm_nameless: Annotated[
        bool, typer.Option("--confirm-nameless", help=help_text("opt_confirm_nameless"))
    ] = False,
    unwitnessed: UnwitnessedOption = False,
    yes: YesOption = False,
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Publish an alert, or propose it when approvals are needed."""
    import asyncio

    from exchange.cli.member import opened
    from exchange.cli.preview import make

    terminal = Terminal(chosen(lang), as_json=json, home=home)

    async def work() -> int:
        async with opened(terminal, passphrase_file) as member:
            if "author" not in member.person.roles:
                raise CommandError("not_author")
            draft, table = make(member, source)
            return await issue(
                terminal, member, draft, table, yes=yes, confirm_nameless=confirm_nameless, unwitnessed=unwitnessed
            )

    raise typer.Exit(asyncio.run(work()))


async def issue(
    terminal: Terminal,
    member: Member,
    draft: Draft,
    table: Preview,
    *,
    yes: bool,
    confirm_nameless: bool,
    unwitnessed: bool = False,
) -> int:
    """Show a draft, ask, seal, sign and post it; the exit status. Raises CommandError, ClientError."""
    import time

    from exchange.cli.preview import as_json, show, verdict
    from exchange.client.publish import PreviewChanged
    from exchange.client.publish import publish as publish_draft

    json = terminal.as_json
    if not json:
        show(terminal, member, draft, table)
    if not draft.allowed:
        if json:
            verdict(terminal, member, table.alert)
        return REFUSED
    check_nameless(draft.core.label.value, len(table.nameless), confirm_nameless)
    check_unwitnessed(terminal, draft, unwitnessed)
    if draft.core.action == "withdraw":
        terminal.confirm("ask_withdraw", yes=yes)
    else:
        terminal.confirm("ask_publish", yes=yes)
    decided = time.time()
    try:
        heavy = bool(draft.source.attachments)
        with sealing_pool(member, draft), terminal.progress("progress_seal", data=heavy) as update:
            member.client.transfer = lambda done, total: update(done, total=total)
            released = await publish_draft(
                draft, member.client, confirm_nameless=confirm_nameless, unwitnessed=unwitnessed
            )
    except PreviewChanged as changed:
        say_changed(terminal, member, changed.differs)
        raise
    _report(terminal, member, draft, released)
    if json:
        terminal.json(
            {
                "decided_at": decided,
                "index": released.index,
                "newcomers": list(released.newcomers),
                "preview": as_json(terminal, member, draft, table),
                "released": released.released,
                "statement": released.statement,
                "unreached": list(released.unreached),
                "unserved": list(released.unserved),
            }
        )
    else:
        terminal.data(released.statement)
    return 0


def check_nameless(label: str, number: int, confirmed: bool) -> None:
    """No nameless ghosts (I8). Raises CommandError ``nameless_refused``, ``nameless_confirm``."""
    if number and label == "RED":
        raise CommandError("nameless_refused", number=number)
    if number and not confirmed:
        raise CommandError("nameless_confirm", number=number)


@contextmanager
def sealing_pool(member: Member, draft: Draft) -> Iterator[None]:
    """Worker processes for a large audience, for as long as it is sealed."""
    if draft.core.stanzas < POOL_FROM:
        yield
        return
    from keys.seal import SealPool

    pool = SealPool()
    member.client.pool = pool
    try:
        yield
    finally:
        member.client.pool = None
        pool.close()


def say_changed(terminal: Terminal, member: Member, differs: dict[str, list[str]]) -> None:
    """What would have been signed is not what was shown: name the difference."""
    for field, values in differs.items():
        named = ", ".join(member.names.of(value) for value in values)
        terminal.say("changed_now", field=terminal.text(f"changed_{field}"), values=named)
    terminal.hint("hint_preview_again")


def _report(terminal: Terminal, member: Member, draft: Draft, released: Released) -> None:
    terminal.say("publish_released" if released.released else "publish_proposed", id=released.statement)
    if not released.released:
        names = ", ".join(member.names.of(person) for person in draft.core.approvers)
        terminal.hint("hint_approve", names=names)
    say_unserved(terminal, member, released.unserved)
    say_others(terminal, member, released)


def say_others(terminal: Terminal, member: Member, released: Released) -> None:
    """Who is in the audience by now and was not served, and which earlier recipients a withdrawal does not reach."""
    for key, persons in (("publish_newcomers", released.newcomers), ("publish_unreached", released.unreached)):
        if persons:
            terminal.say(key, names=", ".join(sorted(member.names.of(person) for person in persons)))


def say_unserved(terminal: Terminal, member: Member, devices: tuple[str, ...]) -> None:
    """Recipients who lost their place between preview and acceptance are named."""
    if devices:
        owners = {member.facts.devices[d].person if d in member.facts.devices else d for d in devices}
        terminal.say("publish_unserved", names=", ".join(sorted(member.names.of(owner) for owner in owners)))
