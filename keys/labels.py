"""Domain separation: the closed table of uses.

DS(use) = ASCII `tlp-exchange/v1/<use>` followed by one zero byte (docs/spec/encoding.md, "Domain separation"). A
use stands for one purpose; a test compares this table with the specification. DSSE payload types and note formats
separate themselves.
"""

from enum import Enum

PREFIX = b"tlp-exchange/v1/"


class Use(Enum):
    """One purpose of a hash, a MAC or an encryption context; the value is the text between prefix and zero byte."""

    SIGNING_KEY_ID = "signing-key-id"
    STATEMENT_KEY_ID = "statement-key-id"
    ATTACHMENT = "attachment"
    CONTENT = "content"
    STANZA_ID = "stanza-id"
    STANZA = "stanza"
    TAG = "tag"
    GRANT = "grant"
    GRANT_TAG = "grant-tag"
    MESSAGE = "message"
    MESSAGE_STANZA = "message-stanza"
    OPENING = "opening"
    POLICY = "policy"
    FINGERPRINT = "fingerprint"
    VAULT = "vault"
    KEY_FILE = "key-file"


_LABELS = {use: PREFIX + use.value.encode("ascii") + b"\x00" for use in Use}


def ds(use: Use | str) -> bytes:
    """Return DS(use); a text must be the value of a `Use`, else ValueError (a programming error)."""
    return _LABELS[Use(use)]
