"""``exchange inbox``: fetch, verify and list the alerts addressed to this person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from exchange.cli.options import HomeOption, JsonOption, LangOption, PassphraseOption, chosen
from exchange.cli.terminal import REFUSED, Terminal, columns
from exchange.cli.texts import help_text
from exchange.cli.witnesses import say_witnesses
from exchange.client.reminders import Due

if TYPE_CHECKING:
    from exchange.cli.member import Member
    from exchange.cli.view import Item
    from exchange.client.completeness import Count
    from exchange.client.state import Failure


def inbox(
    offline: Annotated[bool, typer.Option("--offline", help=help_text("opt_offline"))] = False,
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """List the alerts, one line each with its newest version, newest last; unread ones bold.

    Exit status 1 when one could not be verified.
    """
    import asyncio

    from exchange.cli.chain import chain_json, newest_each
    from exchange.cli.member import opened
    from exchange.cli.view import as_json, items
    from exchange.cli.witnesses import as_json as witnesses_json
    from exchange.client.errors import step_name

    terminal = Terminal(chosen(lang), as_json=json, home=home)

    async def work() -> bool:
        async with opened(terminal, passphrase_file, offline=offline, may_be_offline=True) as member:
            shown = newest_each(items(member))
            failures = member.state.failures()
            if json:
                terminal.json(
                    {
                        "alerts": [as_json(member, one) | chain_json(member, one) for one in shown],
                        "failures": [
                            {"code": f.code, "rule": f.rule, "step": step_name(f.step), "subject": f.subject}
                            for f in failures
                        ],
                        **counts_json(member),
                        "online": member.online,
                        "witnesses": witnesses_json(member),
                    }
                )
            else:
                _print(terminal, member, shown)
            counts(terminal, member, shown)
            say_due(terminal, shown, {})
            return not failures

    if not asyncio.run(work()):
        raise typer.Exit(REFUSED)


def _print(terminal: Terminal, member: Member, shown: list[Item]) -> None:
    from exchange.cli.chain import state_words
    from exchange.cli.connect import now
    from exchange.cli.times import moment
    from exchange.cli.view import SHORT, label_span, put

    if not shown:
        terminal.say("inbox_empty")
        return
    language = terminal.language
    names = member.names
    rows = []
    for one in shown:
        core = one.core
        place = member.facts.persons[one.author].organisation
        until = moment(core.valid_until, language)
        if core.valid_until < now():
            until += f" ({terminal.text('none_expired')})"
        rows.append(
            [
                "*" if one.unread else "",
                one.statement[:SHORT],
                core.label.display,
                terminal.text("exercise") if core.exercise else "",
                state_words(terminal, member, one),
                terminal.text(f"kind_{core.kind.value}"),
                one.content.number or "",
                one.text(language).title,
                f"{names.of(place)}, {names.of(one.author)}" + _given(terminal, member, one),
                until,
            ]
        )
    head = ["", *(terminal.text(f"field_{n}") for n in ("id", "label")), ""]
    head += [terminal.text(f"field_{n}") for n in ("state", "kind", "number", "title", "from", "valid")]
    lines = columns([head, *rows])
    put((lines[0], "dim"))
    for one, line in zip(shown, lines[1:], strict=True):
        before, display, after = line.partition(one.core.label.display)
        style = "bold" if one.unread else ""
        put((before, style), (display, label_span(one.core.label)[1]), (after, style))


def _given(terminal: Terminal, member: Member, one: Item) -> str:
    """Who gave it to this device, when somebody did."""
    from exchange.cli.view import given_by

    name = given_by(terminal, member, one)
    return f" ({terminal.text('given_by', name=name)})" if name else ""


def counts(terminal: Terminal, member: Member, shown: list[Item]) -> None:
    """How many there are of how many, what is unread, what failed, and when this was checked."""
    from exchange.cli.connect import now
    from exchange.cli.times import moment
    from exchange.client.completeness import count

    counted = count(member.client)
    terminal.say("count_of", have=counted.opened, all=counted.total)
    say_journal(terminal, counted)
    if counted.keyless:
        terminal.say("count_keyless", number=counted.keyless)
    if counted.closed:
        terminal.say("count_closed", number=counted.closed)
    unread = sum(one.unread for one in shown)
    if unread:
        terminal.say("count_unread", unread=unread)
    say_kept_back(terminal, member)
    say_failures(terminal, member)
    say_witnesses(terminal, member)
    if member.online:
        heads = member.client.replica.heads
        at = moment(now(), terminal.language)
        terminal.say("checked_at", at=at, journal=heads["journal"].size, registry=heads["registry"].size)


def counts_json(member: Member) -> dict[str, Any]:
    """The counts for a script, and everything that was ever kept back."""
    from exchange.cli.times import iso
    from exchange.client.completeness import count, kept_back

    counted = count(member.client)
    missing = [
        {
            "alert": one.alert or None,
            "at": iso(one.at),
            "cleared": one.cleared,
            "code": one.code,
            "file": None if one.file is None else str(one.file),
            "index": one.index,
            "since": iso(one.since),
            "statement": one.statement,
            "version": one.version or None,
        }
        for one in kept_back(member.client)
    ]
    return {
        "absent": counted.absent,
        "all": counted.total,
        "closed": counted.closed,
        "earlier": counted.earlier,
        "have": counted.opened,
        "journal": counted.journal,
        "kept_back": missing,
        "keyless": counted.keyless,
        "withheld": counted.withheld + counted.grants,
    }


def say_journal(terminal: Terminal, counted: Count) -> None:
    """What became of every sealed alert of the journal, in one line."""
    terminal.say(
        "count_journal",
        journal=counted.journal,
        total=counted.total,
        absent=counted.absent,
        earlier=counted.earlier,
        withheld=counted.withheld + counted.grants,
    )


def say_kept_back(terminal: Terminal, member: Member, named: set[str] | None = None) -> None:
    """Name what is kept back, with its evidence, and how much was; ``named`` holds what was said before, in a watch."""
    from exchange.cli.times import moment
    from exchange.client.completeness import kept_back
    from exchange.client.evidence import folder_of

    known = kept_back(member.client)
    missing = [one for one in known if not one.cleared and (named is None or one.statement not in named)]
    for one in missing:
        if named is not None:
            named.add(one.statement)
        when = moment(one.at, terminal.language)
        if one.alert:
            terminal.say("kept_back_alert", alert=one.alert, version=one.version, index=one.index, when=when)
        else:
            terminal.say("kept_back_grant", index=one.index, when=when)
        if one.file is not None:
            terminal.say("kept_back_file", file=one.file)
    if missing:
        terminal.hint("hint_kept_back")
    cleared = sum(one.cleared for one in known)
    if cleared and named is None:
        terminal.say("kept_back_before", number=cleared, folder=folder_of(member.client))


def say_due(terminal: Terminal, shown: list[Item], said: dict[str, int]) -> list[Due]:
    """Remind of what is to be acknowledged and was not read; ``said`` holds what was said before. Returns all that wait.

    ``shown`` has each alert's newest version: who is to acknowledge a later one is not asked for the one before.
    """
    from exchange.cli.connect import now
    from exchange.cli.times import moment

    waiting: list[Due] = []
    for one in shown:
        until = one.core.acknowledge_by
        if until is None or not one.unread:
            continue
        due = Due(one.statement, one.row.received_at, until)
        waiting.append(due)
        stage = due.stage(now())
        if stage > said.get(one.statement, 0):
            said[one.statement] = stage
            key = "reminder_half" if stage == 1 else "reminder_late"
            terminal.say(key, title=one.text(terminal.language).title, when=moment(until, terminal.language))
    return waiting


def say_failures(terminal: Terminal, member: Member) -> int:
    """Name what could not be verified; how many there are."""
    failures = member.state.failures()
    if failures:
        terminal.say("count_failed", number=len(failures))
        for failure in failures:
            say_failure(terminal, failure)
        terminal.hint("hint_verification")
    return len(failures)


def say_failure(terminal: Terminal, failure: Failure) -> None:
    """One failure: step, code, sentence, and what it is about."""
    from exchange.cli.failure import sentence
    from exchange.client.errors import step_name

    reason = sentence(terminal, failure.code, failure.detail)
    terminal.say_line(f"  {step_name(failure.step)} {failure.code}: {reason} ({failure.subject[:16]})")
