"""``exchange serve``: run the server in the foreground."""

from __future__ import annotations

from exchange.cli.options import ConfigOption, JsonOption, LangOption, chosen
from exchange.cli.terminal import Terminal


def serve(config: ConfigOption = None, lang: LangOption = None, json: JsonOption = False) -> None:
    """Run the server until SIGINT or SIGTERM; stdout has the address once it listens, stderr the operator's log."""
    from exchange.cli.configured import configured

    terminal = Terminal(chosen(lang), as_json=json)
    loaded = configured(terminal, config)
    from exchange.web import app

    def started(host: str, port: int) -> None:
        # A script that started us with port 0 waits for this line.
        address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        if json:
            terminal.json({"host": host, "port": port, "url": address})
        else:
            terminal.data(address)

    app.run(loaded, started)
