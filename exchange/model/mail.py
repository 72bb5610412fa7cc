"""The one form of an e-mail address that a notice is sent to (``docs/spec/statements.md``, Openings).

Narrower than RFC 5321 on purpose: a dot-string before the sign, a host name of at least two labels behind it, ASCII all the way.
What cannot be in it cannot become a second recipient, a header or an SMTP command. A domain in another alphabet is written as
``xn--…``, as everywhere here: two spellings of one name would be two addresses.
"""

from __future__ import annotations

import re

MAX_ADDRESS = 254
"""Characters of an address (RFC 5321: a path of 256 with its angle brackets)."""
MAX_LOCAL = 64
"""Characters before the sign."""

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"(?P<local>{_ATOM}(?:\.{_ATOM})*)@{_LABEL}(?:\.{_LABEL})+")


def check_mail_address(value: str) -> str:
    """The address, when it is one. Raises ValueError."""
    match = _ADDRESS.fullmatch(value) if len(value) <= MAX_ADDRESS else None
    if match is None or len(match["local"]) > MAX_LOCAL:
        raise ValueError("an address is name@host.domain in ASCII, at most 254 characters; other alphabets as xn--")
    return value
