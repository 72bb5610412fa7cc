"""``exchange witness add-log``: let a witness know the logs of one more exchange."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from exchange.cli.options import JsonOption, LangOption, chosen
from exchange.cli.terminal import Terminal
from exchange.cli.texts import help_text
from exchange.cli.witness_files import ExchangeOption, WitnessHomeOption, logs_from


def add_log(
    logs: Annotated[Path, typer.Argument(metavar="FOUNDING", help=help_text("arg_witness_logs"))],
    home: WitnessHomeOption,
    exchange: ExchangeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Know these logs from the next start on; a log that is known keeps its keys."""
    from exchange.witness.home import add_logs

    terminal = Terminal(chosen(lang), as_json=json)
    origins = sorted(add_logs(home, logs_from(logs, exchange)))
    terminal.say("witness_knows", logs=len(origins))
    terminal.hint("hint_witness_serve", home=home)
    if json:
        terminal.json({"home": str(home), "logs": origins})
    else:
        for origin in origins:
            terminal.data(origin)
