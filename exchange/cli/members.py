"""``exchange members``: the organisations that this member is shown, until when they take part, and what is amiss."""

from __future__ import annotations

from typing import Annotated

import typer

from exchange.cli.options import HomeOption, JsonOption, LangOption, PassphraseOption, chosen
from exchange.cli.terminal import Terminal
from exchange.cli.texts import help_text


def members(
    expiring: Annotated[
        int | None, typer.Option("--expiring", metavar="DAYS", min=1, max=1098, help=help_text("opt_expiring"))
    ] = None,
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """List organisations, those that run out first at the top; with --expiring only those that do within so many days."""
    import asyncio

    from exchange.cli.connect import now
    from exchange.cli.member import opened
    from exchange.cli.registry import standing
    from exchange.cli.times import DAY, iso, moment
    from exchange.policy.explain import explain

    terminal = Terminal(chosen(lang), as_json=json, home=home)

    async def work() -> None:
        async with opened(terminal, passphrase_file, may_be_offline=True) as member:
            facts, names, time = member.facts, member.names, now()
            found = sorted(
                (
                    o
                    for o in facts.organisations.values()
                    if not o.removed and (expiring is None or o.expires <= time + expiring * DAY)
                ),
                key=lambda o: (o.expires, o.id),
            )
            if json:
                terminal.json(
                    {
                        "members": [
                            {
                                "expires": iso(o.expires),
                                "kind": o.kind,
                                "name": names.of(o.id) if names.known(o.id) else "",
                                "organisation": o.id,
                                "state": standing(member, o.id, time) or "in-force",
                                "terms": o.terms,
                            }
                            for o in found
                        ]
                    }
                )
                return
            rows = []
            for o in found:
                fault = standing(member, o.id, time)
                state = terminal.text("state_in_force") if fault is None else explain(fault, language=terminal.language)
                rows.append((names.of(o.id), o.kind, moment(o.expires, terminal.language), state))
            head = [terminal.text(key) for key in ("head_organisation", "head_kind", "head_until", "head_state")]
            terminal.table(rows, head)

    asyncio.run(work())
