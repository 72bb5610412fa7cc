"""``exchange witnesses show``: how the named witnesses stand, by their own signatures, and what the exchange says of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from exchange.cli.options import HomeOption, JsonOption, LangOption, PassphraseOption, chosen
from exchange.cli.terminal import REFUSED, Terminal

if TYPE_CHECKING:
    from exchange.client.standing import LogStanding


def show(
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """List the witnesses of each log; exit status 1 when a log has no quorum that is at most 15 minutes old."""
    import asyncio

    from exchange.cli.connect import now
    from exchange.cli.member import opened
    from exchange.client.standing import standing
    from exchange.policy.replay import WITNESS_AGE

    terminal = Terminal(chosen(lang), as_json=json, home=home)

    async def work() -> bool:
        async with opened(terminal, passphrase_file) as member:
            found = await standing(member.client)
            time = now()
            if json:
                terminal.json({"logs": [_json(one) for one in found]})
            elif not member.facts.witnesses:
                terminal.data(terminal.text("witnesses_unnamed"))
            else:
                for one in found:
                    _print(terminal, one)
            return all(not one.quorum or time - one.time <= WITNESS_AGE for one in found)

    if not asyncio.run(work()):
        raise typer.Exit(REFUSED)


def _print(terminal: Terminal, one: LogStanding) -> None:
    from exchange.cli.times import moment

    values = {"quorum": one.quorum, "number": len(one.witnesses), "head": one.head}
    log = terminal.text(f"head_log_{one.log}")
    if one.time:
        at = moment(one.time, terminal.language)
        terminal.data(terminal.text("witnesses_quorum", log=log, size=one.size, at=at, **values))
    else:
        terminal.data(terminal.text("witnesses_no_quorum", log=log, **values))
    head = [terminal.text(f"head_{name}") for name in ("witness", "cosigned", "cosigned_at", "says")]
    rows = [
        [
            witness.name,
            witness.size if witness.time else "-",
            moment(witness.time, terminal.language) if witness.time else "-",
            _word(terminal, one.said.get(witness.name, "")),
        ]
        for witness in one.witnesses
    ]
    terminal.table(rows, head)


def _word(terminal: Terminal, state: str) -> str:
    """The exchange's word in the reader's language; a word that this release does not know is shown as it is."""
    from exchange.cli.texts import TEXTS

    key = f"state_witness_{state}"
    return terminal.text(key) if key in TEXTS else state or "-"


def _json(one: LogStanding) -> dict[str, object]:
    from exchange.cli.times import iso

    return {
        "head": one.head,
        "log": one.log,
        "quorum": one.quorum,
        **({"at": iso(one.time), "size": one.size} if one.time else {}),
        "witnesses": [
            {
                **({"at": iso(witness.time), "size": witness.size} if witness.time else {}),
                "name": witness.name,
                "says": one.said.get(witness.name, ""),
                "url": witness.url,
            }
            for witness in one.witnesses
        ],
    }
