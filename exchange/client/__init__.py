"""A member's side of an exchange: talks to it and believes nothing it says.

The names below are the documented face for programs (``docs/python-client.md``, ADR 0013). Each is loaded when it is first
asked for: importing one of this package's modules loads that module and nothing more.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exchange.client.attachments import SourceFile as SourceFile
    from exchange.client.draft import Draft as Draft
    from exchange.client.draft import Preview as Preview
    from exchange.client.errors import BadAnswer as BadAnswer
    from exchange.client.errors import ClientError as ClientError
    from exchange.client.errors import Refused as Refused
    from exchange.client.errors import SourceError as SourceError
    from exchange.client.errors import StateError as StateError
    from exchange.client.errors import TransportError as TransportError
    from exchange.client.errors import VerificationError as VerificationError
    from exchange.client.exchange import Alert as Alert
    from exchange.client.exchange import Exchange as Exchange
    from exchange.client.exchange import open_exchange as open_exchange
    from exchange.client.home import HomeError as HomeError
    from exchange.client.publish import PreviewChanged as PreviewChanged
    from exchange.client.publish import Released as Released
    from exchange.client.source import AlertSource as AlertSource
    from exchange.client.source import SourceAudience as SourceAudience
    from exchange.client.sync import Synced as Synced

_HOME = {
    "Alert": "exchange",
    "AlertSource": "source",
    "BadAnswer": "errors",
    "ClientError": "errors",
    "Draft": "draft",
    "Exchange": "exchange",
    "HomeError": "home",
    "Preview": "draft",
    "PreviewChanged": "publish",
    "Refused": "errors",
    "Released": "publish",
    "SourceAudience": "source",
    "SourceError": "errors",
    "SourceFile": "attachments",
    "StateError": "errors",
    "Synced": "sync",
    "TransportError": "errors",
    "VerificationError": "errors",
    "open_exchange": "exchange",
}
"""The module of each name."""

__all__ = [
    "Alert",
    "AlertSource",
    "BadAnswer",
    "ClientError",
    "Draft",
    "Exchange",
    "HomeError",
    "Preview",
    "PreviewChanged",
    "Refused",
    "Released",
    "SourceAudience",
    "SourceError",
    "SourceFile",
    "StateError",
    "Synced",
    "TransportError",
    "VerificationError",
    "open_exchange",
]


def __getattr__(name: str) -> object:
    """A name of the face, from its module (PEP 562). Raises AttributeError for any other."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
