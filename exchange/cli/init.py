"""``exchange init``: the server's keys, its pin, and the founding that the registrars sign offline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from exchange.cli.options import ConfigOption, JsonOption, LangOption, chosen
from exchange.cli.terminal import USAGE, CommandError, Terminal, write_new
from exchange.cli.texts import help_text


def init(
    origin: Annotated[str, typer.Option("--origin", metavar="HOST", help=help_text("opt_origin"))],
    registrar: Annotated[list[Path], typer.Option("--registrar", metavar="A.pub", help=help_text("opt_registrars"))],
    threshold: Annotated[int, typer.Option("--threshold", min=2, max=9, help=help_text("opt_threshold"))] = 2,
    config: ConfigOption = None,
    data: Annotated[Path | None, typer.Option("--data", metavar="DIR", help=help_text("opt_data"))] = None,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help=help_text("opt_founding"))] = Path("founding.json"),
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Make the server's keys and the founding statement; nothing is overwritten and nothing is contacted."""
    from os import urandom

    from exchange import serverkeys
    from exchange.cli.configured import configured
    from exchange.cli.connect import now, registrar_key
    from exchange.client.enrol import LONGEST, encode_checked
    from keys.encoding import b64u
    from keys.envelope import Envelope
    from keys.errors import NoteError
    from keys.registrar import SigningFile, SigningItem
    from keys.verify import exchange_fingerprint

    terminal = Terminal(chosen(lang), as_json=json)
    folder = data if data is not None else configured(terminal, config).server.data
    keys = [registrar_key(path) for path in registrar]
    if len({key.key_id for key in keys}) != len(keys) or not threshold <= len(keys) <= 9:
        raise CommandError("registrars_count", status=USAGE, threshold=threshold)
    for path in (folder / serverkeys.FILE, folder / serverkeys.PIN, out):
        if path.exists():
            raise CommandError("file_exists", hints=("hint_init_exists",), file=path)
    at = now()
    try:
        server = serverkeys.generate(origin)
    except NoteError:
        raise CommandError("bad_origin", status=USAGE, origin=origin) from None
    body = {
        "at": at,
        "issuer": {"registrar": keys[0].key_id},
        "nonce": b64u(urandom(16)),
        "not_after": at + LONGEST,
        "origin": origin,
        "registrars": [key.to_json() for key in sorted(keys, key=lambda key: key.key_id)],
        "threshold": threshold,
        **server.public_json(),
    }
    founding = Envelope("exchange.found", encode_checked("exchange.found", body), ())
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    serverkeys.write(folder, server)
    serverkeys.pin(folder, founding.statement_id)
    write_new(out, SigningFile(None, (SigningItem(founding),)).save(), mode=0o644)

    terminal.say("init_done", folder=folder, out=out)
    terminal.say("exchange_fingerprint", fingerprint=exchange_fingerprint(founding.statement_id))
    terminal.hint("hint_sign_founding", out=out, threshold=threshold, first=registrar[0])
    if json:
        terminal.json({"data": str(folder), "exchange": founding.statement_id, "founding": str(out), "origin": origin})
    else:
        terminal.data(founding.statement_id)
