"""``exchange audit prove-fork`` and ``check-fork``: the file that shows a log's two histories (``docs/spec/evidence.md``)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exchange.cli.options import HomeOption, JsonOption, LangOption, chosen
from exchange.cli.terminal import REFUSED, USAGE, CommandError, Terminal, read_file, write_new
from exchange.cli.texts import help_text

if TYPE_CHECKING:
    from exchange.tlog.fork import Fork

MAX_NOTE = 1_048_576
"""Bytes of a checkpoint."""


def prove_fork(
    one: Annotated[Path, typer.Argument(metavar="A", help=help_text("arg_checkpoint"))],
    two: Annotated[Path, typer.Argument(metavar="B", help=help_text("arg_checkpoint"))],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help=help_text("opt_fork_out"))],
    bundle: Annotated[Path | None, typer.Option("--bundle", metavar="DIR", help=help_text("opt_fork_bundle"))] = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Make the proof. Exit status 1 when the two do not contradict each other, or this copy cannot tell."""
    from exchange.audit.fork import BundleCopy, Copy, HomeCopy, NoProof
    from exchange.audit.fork import prove_fork as make
    from exchange.cli.failure import sentence
    from exchange.tlog.fork import verify_fork_proof

    terminal = Terminal(chosen(lang), as_json=json, home=home)
    notes = [read_file(path, max_bytes=MAX_NOTE) for path in (one, two)]
    copy: Copy = HomeCopy(terminal.home) if bundle is None else BundleCopy(bundle)
    try:
        proof = make(copy, *notes)
    except NoProof as error:
        terminal.fail("fork_not_proven", reason=sentence(terminal, error.code, error.detail), code=error.code)
        raise typer.Exit(REFUSED) from None
    write_new(out, proof.encode(), mode=0o644)
    _told(terminal, verify_fork_proof(proof, proof.exchange))
    terminal.hint("hint_fork", out=out, exchange=proof.exchange)
    if not json:
        terminal.data(out)


def check_fork(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=help_text("arg_fork"))],
    exchange: Annotated[str, typer.Option("--exchange", metavar="ID", help=help_text("opt_exchange"))],
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Verify a fork proof without a network. Exit status 0 when the fork is proven, 1 when nothing is."""
    from exchange.cli.failure import sentence
    from exchange.tlog.fork import MAX_FORK_BYTES, ForkError, verify_fork_proof

    terminal = Terminal(chosen(lang), as_json=json)
    if len(exchange) != 64 or not set(exchange) <= set("0123456789abcdef"):
        raise CommandError("clear_exchange_wrong", status=USAGE)
    data = read_file(file, max_bytes=MAX_FORK_BYTES)
    try:
        fork = verify_fork_proof(data, exchange)
    except ForkError as error:
        terminal.fail("fork_not_proven", reason=sentence(terminal, error.code, error.detail), code=error.code)
        raise typer.Exit(REFUSED) from None
    _told(terminal, fork)


def _told(terminal: Terminal, fork: Fork) -> None:
    if terminal.as_json:
        terminal.json(
            {
                "exchange": fork.exchange,
                "first": {"root": fork.first.root.hex(), "size": fork.first.size},
                "log": fork.log,
                "other": fork.other.hex(),
                "second": {"root": fork.second.root.hex(), "size": fork.second.size},
            }
        )
    terminal.say("fork_proven", log=fork.log, exchange=fork.exchange)
    terminal.say("fork_first", size=fork.first.size, root=fork.first.root.hex())
    if fork.first.size == fork.second.size:
        terminal.say("fork_second", size=fork.second.size, root=fork.second.root.hex())
    else:
        terminal.say("fork_other", size=fork.second.size, first=fork.first.size, root=fork.other.hex())
