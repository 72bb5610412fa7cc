"""``exchange witness init``: a witness's keys, its memory, and the card that the registrars name it by."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from exchange.cli.options import JsonOption, LangOption, chosen
from exchange.cli.terminal import USAGE, CommandError, Terminal
from exchange.cli.texts import help_text
from exchange.cli.witness_files import ExchangeOption, WitnessHomeOption, logs_from


def init(
    home: WitnessHomeOption,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help=help_text("opt_witness_name"))],
    url: Annotated[str, typer.Option("--url", metavar="URL", help=help_text("opt_witness_url"))],
    logs: Annotated[Path | None, typer.Argument(metavar="FOUNDING", help=help_text("arg_witness_logs"))] = None,
    exchange: ExchangeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Make a witness; nothing is overwritten and nothing is contacted."""
    from exchange.witness.home import CARD, create_home
    from keys.errors import NoteError
    from keys.verify import LogPublicKey, witness_fingerprint

    terminal = Terminal(chosen(lang), as_json=json)
    known = logs_from(logs, exchange) if logs is not None else ()
    try:
        signer, _ = create_home(home, name, url, known)
    except NoteError:
        raise CommandError("witness_bad_name", status=USAGE, name=name) from None
    terminal.say("witness_made", home=home, logs=len(known))
    ed25519, mldsa44 = signer.verifiers
    terminal.say("witness_digits", digits=witness_fingerprint(LogPublicKey(ed25519.key, mldsa44.key)))
    terminal.hint("hint_witness_card", card=home / CARD)
    terminal.hint("hint_witness_serve" if known else "hint_witness_add_log", home=home)
    if json:
        origins = sorted(log.origin for log in known)
        terminal.json({"card": str(home / CARD), "home": str(home), "logs": origins, "vkeys": list(signer.vkeys)})
    else:
        for vkey in signer.vkeys:
            terminal.data(vkey)
