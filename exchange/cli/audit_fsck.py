"""``exchange audit fsck``: the operator judges the server's own data as an auditor would (``docs/spec/audit.md``, fsck)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exchange.cli.options import ConfigOption, JsonOption, LangOption, chosen
from exchange.cli.terminal import REFUSED, USAGE, Terminal
from exchange.cli.texts import help_text

if TYPE_CHECKING:
    from exchange.cli.stored import Fsck

NO_STORE = frozenset({"not-founded", "store-missing", "store-foreign", "store-newer"})
"""Nothing here could be judged."""


def fsck(
    data: Annotated[Path | None, typer.Argument(metavar="DATA", help=help_text("arg_data"))] = None,
    config: ConfigOption = None,
    head_file: Annotated[
        Path | None, typer.Option("--head-file", metavar="FILE", help=help_text("opt_head_file"))
    ] = None,
    exchange: Annotated[str | None, typer.Option("--exchange", metavar="ID", help=help_text("opt_exchange"))] = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Verify both logs in ten steps, rebuild every table and compare, read every blob.

    Exit status 0 in order, 1 not, 2 nothing to judge.
    """
    from exchange import serverkeys
    from exchange.audit.texts import step_title
    from exchange.cli.configured import configured
    from exchange.cli.connect import now
    from exchange.cli.failure import report_failure
    from exchange.cli.stored import REBUILD, check
    from exchange.store.errors import StoreError

    terminal = Terminal(chosen(lang), as_json=json)
    server = configured(terminal, config).server
    if head_file is None and (data is None or config is not None):
        head_file = server.head_file
    folder = data or server.data
    if exchange is None and (folder / serverkeys.PIN).is_file():
        exchange = serverkeys.pinned(folder)
    with terminal.progress("progress_fsck") as update:

        def told(step: int, done: int, total: int) -> None:
            title = (
                terminal.text("fsck_rebuild") if step == REBUILD else f"{step}/10 {step_title(step, terminal.language)}"
            )
            update(done, total=total, label=title)

        try:
            found = check(folder, head_file, now(), exchange=exchange, progress=told)
        except StoreError as error:
            report_failure(terminal, error)
            raise typer.Exit(USAGE if error.code in NO_STORE else REFUSED) from None
    if json:
        terminal.json(found.to_json())
    else:
        _print(terminal, found)
    if found.head is None:
        terminal.say("fsck_no_head")
    terminal.say("fsck_ok" if found.ok else "fsck_wrong", exchange=found.report.exchange)
    raise typer.Exit(0 if found.ok else REFUSED)


def _print(terminal: Terminal, found: Fsck) -> None:
    from exchange.cli.audit import print_report
    from exchange.cli.failure import sentence

    print_report(terminal, found.report)
    terminal.data()
    if found.compared.stopped is not None:
        terminal.say("fsck_incomplete")
    else:
        rows = [
            [table.name, table.rows, terminal.text("audit_step_refused" if table.wrong else "audit_ok")]
            for table in found.compared.tables.values()
        ]
        terminal.table(rows, [terminal.text(f"head_{name}") for name in ("table", "rows", "result")])
    wrong = found.wrong()
    if wrong:
        terminal.data()
        head = [terminal.text(f"head_{name}") for name in ("table", "key", "code", "what")]
        listed = [[w.table, w.key, w.code, f"{sentence(terminal, w.code, w.sentence)}: {w.sentence}"] for w in wrong]
        terminal.table(listed, head)
