"""``exchange audit check-contradiction`` and ``check-withheld``: what a device hands over as evidence, checked offline by anybody
who knows the exchange id (``docs/spec/envelope.md``, Withholding). Says what is proven and what is the device's word."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exchange.cli.options import JsonOption, LangOption, chosen
from exchange.cli.terminal import REFUSED, Terminal, read_file
from exchange.cli.texts import help_text

if TYPE_CHECKING:
    from exchange.policy.exhibits import Withheld

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help=help_text("arg_exhibit"))]
ExchangeOption = Annotated[str, typer.Option("--exchange", metavar="ID", help=help_text("opt_exchange"))]


def check_contradiction(
    file: FileArgument, exchange: ExchangeOption, lang: LangOption = None, json: JsonOption = False
) -> None:
    """Check that an alert lists a device as without key although it had one. Exit status 1 when that is not proven."""
    from exchange.cli.failure import report_failure
    from exchange.policy.exhibits import MAX_EXHIBIT, ExhibitError, check_contradiction

    terminal = Terminal(chosen(lang), as_json=json)
    try:
        found = check_contradiction(read_file(file, max_bytes=MAX_EXHIBIT), exchange)
    except ExhibitError as error:
        raise typer.Exit(report_failure(terminal, error)) from None
    if json:
        terminal.json(
            {
                "alert": found.alert,
                "approvers": list(found.approvers),
                "author": found.author,
                "device": found.device,
                "exchange": found.exchange,
                "index": found.index,
                "proven": True,
                "published": found.published,
                "seen": found.seen,
                "week": found.week,
            }
        )
    terminal.say("contradiction_alert", alert=found.alert, index=found.index, author=found.author)
    terminal.say("contradiction_device", device=found.device)
    terminal.say(
        "contradiction_key", week=found.week % 100, year=found.week // 100, index=found.published, seen=found.seen
    )
    terminal.say("contradiction_proven")


def check_withheld(
    file: FileArgument,
    exchange: ExchangeOption,
    bundle: Annotated[Path | None, typer.Option("--bundle", metavar="DIR", help=help_text("opt_bundle"))] = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Check what a device says was kept from it; with an auditor's bundle also whether it was owed. Exit status 1 when not."""
    from exchange.audit.bundle import AuditBundle, BundleError
    from exchange.audit.owed import owed_leaf
    from exchange.cli.failure import report_failure
    from exchange.policy.exhibits import MAX_EXHIBIT, ExhibitError, check_withheld

    terminal = Terminal(chosen(lang), as_json=json)
    try:
        found = check_withheld(read_file(file, max_bytes=MAX_EXHIBIT), exchange)
        leaf = None if bundle is None else owed_leaf(AuditBundle(bundle), found)
    except (BundleError, ExhibitError) as error:
        raise typer.Exit(report_failure(terminal, error)) from None
    owed = "unknown" if bundle is None else "no" if leaf is None else "yes" if leaf.tag == found.tag else "other-tag"
    if json:
        terminal.json(
            {
                "alert": found.alert,
                "answer": found.answer,
                "device": found.device,
                "exchange": found.exchange,
                "index": found.index,
                "owed": owed,
                "tag": found.tag.hex(),
            }
        )
    _say_withheld(terminal, found)
    terminal.say({"unknown": "owed_unknown", "no": "owed_no", "yes": "owed_yes"}.get(owed, "owed_other_tag"))
    if owed in ("no", "other-tag"):
        raise typer.Exit(REFUSED)


def _say_withheld(terminal: Terminal, found: Withheld) -> None:
    from exchange.cli.times import moment

    language = terminal.language
    terminal.say("withheld_alert", alert=found.alert, index=found.index, when=moment(found.at, language))
    terminal.say("withheld_claim", device=found.device, when=moment(found.claimed_at, language), answer=found.answer)
