"""What the commands of a witness read: a founding, in whichever file it came, or a list of logs; and their common options."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exchange.cli.terminal import USAGE, CommandError, Terminal, read_file
from exchange.cli.texts import help_text

if TYPE_CHECKING:
    from exchange.witness.loglist import KnownLog
    from keys.envelope import Envelope

WitnessHomeOption = Annotated[Path, typer.Option("--home", metavar="DIR", help=help_text("opt_witness_home"))]
ExchangeOption = Annotated[str | None, typer.Option("--exchange", metavar="ID", help=help_text("opt_exchange"))]
HostOption = Annotated[str, typer.Option("--host", metavar="ADDRESS", help=help_text("opt_host"))]
ProxyOption = Annotated[
    list[str] | None, typer.Option("--trusted-proxy", metavar="ADDRESS", help=help_text("opt_trusted_proxy"))
]


def logs_from(path: Path, exchange: str | None) -> tuple[KnownLog, ...]:
    """The logs that a file names: a founding with the id given, or a list ``logs/v0``.

    Raises CommandError ``witness_logs_unknown``, ``witness_exchange_missing``, WitnessError.
    """
    from exchange.witness.loglist import MAX_LIST, logs_of, parse_logs

    data = read_file(path, max_bytes=MAX_LIST)
    founding = founding_in(data)
    if founding is None:
        if data.lstrip()[:1] == b"{":
            raise CommandError("witness_logs_unknown", file=path)
        return tuple(parse_logs(data).values())
    if exchange is None:
        raise CommandError("witness_exchange_missing", status=USAGE, hints=("hint_witness_exchange",))
    return logs_of(founding, exchange)


def founding_in(data: bytes) -> Envelope | None:
    """A founding statement: in the signing file that made the exchange, or as ``GET /v1/exchange`` and a home have it."""
    from exchange.client.enrol import founding_in as founding_of_file
    from keys import encoding
    from keys.envelope import Envelope
    from keys.errors import KeysError
    from keys.registrar import SigningFile

    try:
        return founding_of_file(SigningFile.load(data))
    except KeysError:
        pass
    try:
        return Envelope.from_json(encoding.decode(data.rstrip(b"\n"), max_bytes=len(data)).get("founding"))
    except KeysError:
        return None


def say_address(terminal: Terminal, host: str, port: int) -> None:
    """Where something listens, on stdout: a script that asked for port 0 waits for this line."""
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    if terminal.as_json:
        terminal.json({"host": host, "port": port, "url": address})
    else:
        terminal.data(address)
