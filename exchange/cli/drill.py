"""``exchange drill``: send a script of exercise alerts, and report how long each organisation took."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from exchange.cli.options import HomeOption, JsonOption, LangOption, PassphraseOption, YesOption, chosen
from exchange.cli.terminal import CommandError, Terminal
from exchange.cli.texts import help_text
from exchange.cli.witnesses import UnwitnessedOption, check_unwitnessed

if TYPE_CHECKING:
    from exchange.cli.member import Member
    from exchange.client.drill import Measured, Run, Script, Sent, Step

RUN = ".run.json"
"""What stands behind the script's name in the name of its run file."""


def run(
    script: Annotated[Path, typer.Argument(metavar="SCRIPT.toml", help=help_text("arg_script"))],
    out: Annotated[Path | None, typer.Option("--out", metavar="RUN.json", help=help_text("opt_run"))] = None,
    unwitnessed: UnwitnessedOption = False,
    yes: YesOption = False,
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Send the steps at their times; an interrupted drill goes on where it stopped."""
    import asyncio

    from exchange.cli.connect import now
    from exchange.cli.member import opened
    from exchange.client.drill import Run, read_run, read_script, write_run

    terminal = Terminal(chosen(lang), as_json=json, home=home)
    file = out or script.with_name(script.stem + RUN)

    async def work() -> None:
        plan = read_script(script)
        async with opened(terminal, passphrase_file) as member:
            if "author" not in member.person.roles:
                raise CommandError("not_author")
            exchange = member.client.replica.exchange
            if file.exists():
                done = read_run(file)
                if (done.exchange, done.title) != (exchange, plan.title):
                    raise CommandError("drill_other", file=file)
                terminal.say("drill_resumed", number=len(done.sent), all=len(plan.steps))
            else:
                _check(terminal, member, plan, unwitnessed)
                terminal.confirm("ask_drill", yes=yes, number=len(plan.steps), title=plan.title)
                done = Run(exchange, plan.title, now())
                write_run(file, done)
            done = await _send(terminal, member, plan, done, file, unwitnessed)
            terminal.say("drill_sent", number=len(done.sent), file=file)
            if json:
                terminal.json({"run": str(file), "sent": [one.statement for one in done.sent]})

    asyncio.run(work())


def _check(terminal: Terminal, member: Member, plan: Script, unwitnessed: bool) -> None:
    """Every step is allowed as it is, before the first one is sent."""
    from exchange.cli.preview import reason
    from exchange.cli.times import clock_time
    from exchange.client.draft import prepare

    for number, step in enumerate(plan.steps, 1):
        draft = prepare(step.source, member.client)
        if not draft.allowed:
            why = reason(terminal, member, draft.verdict.alert)
            raise CommandError("drill_refused", number=number, rule=draft.verdict.alert.rule, reason=why)
        check_unwitnessed(terminal, draft, unwitnessed)
        terminal.say(
            "drill_step", number=number, after=clock_time(step.after), title=step.source.title,
            label=step.source.label.display, devices=draft.core.leaves,
        )  # fmt: skip


async def _send(terminal: Terminal, member: Member, plan: Script, done: Run, file: Path, unwitnessed: bool) -> Run:
    import asyncio
    from dataclasses import replace

    from exchange.cli.connect import now
    from exchange.client.drill import Sent, write_run

    for number, step in enumerate(plan.steps[len(done.sent) :], len(done.sent) + 1):
        await asyncio.sleep(max(0, done.started + step.after - now()))
        statement = await _publish(member, step, unwitnessed)
        done = replace(done, sent=(*done.sent, Sent(number, step.source.title, statement)))
        write_run(file, done)
        terminal.say("drill_step_sent", number=number, title=step.source.title, id=statement[:10])
    return done


async def _publish(member: Member, step: Step, unwitnessed: bool) -> str:
    from exchange.cli.publish import check_nameless, sealing_pool
    from exchange.client.draft import prepare
    from exchange.client.publish import publish

    await member.refresh()  # the script was checked against an earlier registry
    draft = prepare(step.source, member.client)
    check_nameless(draft.core.label.value, len(draft.nameless), False)
    with sealing_pool(member, draft):
        return (await publish(draft, member.client, unwitnessed=unwitnessed)).statement


def report(
    file: Annotated[Path, typer.Argument(metavar="RUN.json", help=help_text("arg_run"))],
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """By organisation in alphabetical order: time to delivered, received, read and reacted, for each step."""
    import asyncio

    from exchange.cli.member import opened
    from exchange.client.drill import read_run

    terminal = Terminal(chosen(lang), as_json=json, home=home)

    async def work() -> None:
        done = read_run(file)
        async with opened(terminal, passphrase_file) as member:
            if done.exchange != member.client.replica.exchange:
                raise CommandError("drill_other", file=file)
            found = [await _measure(member, sent) for sent in done.sent]
            if json:
                terminal.json(
                    {"started": done.started, "steps": [_json(member, one) for one in found], "title": done.title}
                )
                return
            for one in found:
                _print(terminal, member, one)
            terminal.say("drill_no_ranking")

    asyncio.run(work())


async def _measure(member: Member, sent: Sent) -> Measured:
    from exchange.cli.view import item
    from exchange.client.drill import Measured, measure
    from exchange.client.responses import responses

    row = member.state.alert(sent.statement)
    if row is None or row.status != "opened":
        return Measured(sent, None, {})
    shown = item(member, row)
    became = await responses(member.client, sent.statement, shown.core.label)
    people = {person.id: person.organisation for person in member.facts.persons.values()}
    return measure(sent, row.at, became, people)


def _print(terminal: Terminal, member: Member, one: Measured) -> None:
    from exchange.cli.times import clock_time
    from exchange.cli.view import put, put_table
    from exchange.client.drill import MILESTONES

    put((f"{one.sent.step}. {one.sent.title}", "bold"))
    if one.released is None:
        put(terminal.text("drill_unreleased"))
        return
    rows = [
        [member.names.of(organisation), *(clock_time(times[m]) if m in times else "–" for m in MILESTONES)]
        for organisation, times in sorted(
            one.organisations.items(), key=lambda pair: member.names.of(pair[0]).casefold()
        )
    ]
    middles = [(one.middle(m), one.reached(m)) for m in MILESTONES]
    of = len(one.organisations)
    summary = [f"{'–' if middle is None else clock_time(round(middle))} ({number}/{of})" for middle, number in middles]
    put_table(
        [terminal.text("head_organisation"), *(terminal.text(f"state_{m}") for m in MILESTONES)],
        [*rows, [terminal.text("drill_median"), *summary]],
    )
    put()


def _json(member: Member, one: Measured) -> dict[str, Any]:
    return {
        "organisations": [
            {"name": member.names.of(organisation), "organisation": organisation, "seconds": dict(times)}
            for organisation, times in sorted(
                one.organisations.items(), key=lambda pair: member.names.of(pair[0]).casefold()
            )
        ],
        "released": one.released,
        "statement": one.sent.statement,
        "step": one.sent.step,
        "title": one.sent.title,
    }
