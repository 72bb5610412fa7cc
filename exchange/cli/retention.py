"""``exchange retention``: the operator erases the statements of old receipts, or counts what would go (``docs/spec/audit.md``)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from exchange.cli.options import ConfigOption, JsonOption, LangOption, YesOption, chosen
from exchange.cli.terminal import Terminal
from exchange.cli.texts import help_text


def retention(
    data: Annotated[Path | None, typer.Argument(metavar="DATA", help=help_text("arg_data"))] = None,
    config: ConfigOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help=help_text("opt_dry_run"))] = False,
    yes: YesOption = False,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Count what is due, then erase it on a stopped server; a running one does it by itself."""
    import asyncio

    from exchange.cli.configured import configured
    from exchange.service.exchange import DATABASE
    from exchange.service.retention import due, erase
    from exchange.store.database import Store
    from exchange.store.snapshot import Snapshot

    terminal = Terminal(chosen(lang), as_json=json)
    loaded = configured(terminal, config)
    days = loaded.retention.receipts_days
    path = (data or loaded.server.data) / DATABASE
    with Snapshot(path) as snapshot:
        found = snapshot.read(due, days)

    def told(erased: int) -> None:
        if json:
            terminal.json({"before": found.before, "days": days, "due": found.statements, "erased": erased})

    if not days:
        terminal.say("retention_off")
        told(0)
        return
    terminal.say("retention_due", count=found.statements, days=days)
    if dry_run or not found.statements:
        if found.statements:
            terminal.hint("hint_retention")
        told(0)
        return

    async def work() -> int:
        store = await Store.open(path)
        try:
            return await erase(store, days)
        finally:
            await store.close()

    terminal.confirm("retention_confirm", yes=yes)
    done = asyncio.run(work())
    terminal.say("retention_done", count=done, days=days)
    told(done)
