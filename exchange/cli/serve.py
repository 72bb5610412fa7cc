"""``exchange serve``: run the server in the foreground."""

from __future__ import annotations

from exchange.cli.options import ConfigOption, LangOption, chosen
from exchange.cli.terminal import USAGE, CommandError, Terminal


def serve(config: ConfigOption = None, lang: LangOption = None) -> None:
    """Run the server until it is stopped; the log goes to stderr."""
    Terminal(chosen(lang))
    from exchange import config as configuration

    try:
        loaded = configuration.load(config)
    except configuration.ConfigError as error:
        raise CommandError("config_wrong", status=USAGE, code=error.code, reason=error) from None
    from exchange.web import app

    app.run(loaded)
