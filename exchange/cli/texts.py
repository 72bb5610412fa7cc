"""The words of the command line in German and English, German first (formal ``Sie``).

Talk is in lower case without a full stop; German nouns keep their capitals. TLP labels, rule numbers, commands, options and role
names are never translated. A test holds the table against every key that the commands use, and both languages of an entry
against each other's values. Each table stands in a file ``texts_<what>``; ``texts_help`` has those of ``--help``.
"""

from __future__ import annotations

from typing import Any

from exchange.cli.texts_alerts import ALERTS
from exchange.cli.texts_audit_evidence import AUDIT_EVIDENCE, HELP_AUDIT_EVIDENCE
from exchange.cli.texts_audit_explain import AUDIT_EXPLAIN, HELP_AUDIT_EXPLAIN
from exchange.cli.texts_audit_fetch import AUDIT_FETCH, HELP_AUDIT_FETCH
from exchange.cli.texts_audit_fork import AUDIT_FORK, HELP_AUDIT_FORK
from exchange.cli.texts_audit_fsck import AUDIT_FSCK, HELP_AUDIT_FSCK
from exchange.cli.texts_audit_report import AUDIT_REPORT, HELP_AUDIT_REPORT
from exchange.cli.texts_audit_watch import AUDIT_WATCH, HELP_AUDIT_WATCH
from exchange.cli.texts_clear import CLEAR
from exchange.cli.texts_content import CONTENT
from exchange.cli.texts_errors import ERRORS
from exchange.cli.texts_evidence import EVIDENCE, HELP_EVIDENCE
from exchange.cli.texts_help import HELP
from exchange.cli.texts_messages import HELP_MESSAGES, MESSAGES
from exchange.cli.texts_naming import HELP_NAMING, NAMING
from exchange.cli.texts_quorum import HELP_QUORUM, QUORUM
from exchange.cli.texts_registry import HELP_REGISTRY, REGISTRY
from exchange.cli.texts_retention import HELP_RETENTION, RETENTION
from exchange.cli.texts_sharing import HELP_SHARING, SHARING
from exchange.cli.texts_talk import TALK
from exchange.cli.texts_versions import VERSIONS
from exchange.cli.texts_witness import HELP_WITNESS, WITNESS
from keys.language import Language, process_language

TEXTS: dict[str, tuple[str, str]] = {
    **TALK,
    **ALERTS,
    **AUDIT_EVIDENCE,
    **AUDIT_EXPLAIN,
    **AUDIT_FORK,
    **AUDIT_REPORT,
    **CONTENT,
    **MESSAGES,
    **CLEAR,
    **REGISTRY,
    **SHARING,
    **VERSIONS,
    **WITNESS,
    **NAMING,
    **QUORUM,
    **AUDIT_WATCH,
    **ERRORS,
    **EVIDENCE,
    **AUDIT_FETCH,
    **AUDIT_FSCK,
    **RETENTION,
}
"""Text key to (German, English)."""
HELPS: dict[str, tuple[str, str]] = {
    **HELP,
    **HELP_AUDIT_EVIDENCE,
    **HELP_AUDIT_EXPLAIN,
    **HELP_AUDIT_FORK,
    **HELP_AUDIT_REPORT,
    **HELP_MESSAGES,
    **HELP_REGISTRY,
    **HELP_SHARING,
    **HELP_WITNESS,
    **HELP_QUORUM,
    **HELP_AUDIT_WATCH,
    **HELP_EVIDENCE,
    **HELP_NAMING,
    **HELP_AUDIT_FETCH,
    **HELP_AUDIT_FSCK,
    **HELP_RETENTION,
}
"""The same of the help texts."""


def text(key: str, language: Language, /, **values: Any) -> str:
    """A text with its values; the caller has made values of others safe to show."""
    found = TEXTS[key]
    return (found[0] if language == "de" else found[1]).format(**values)


def help_text(key: str) -> str:
    """A help text in the language of this run."""
    return HELPS[key][0 if process_language() == "de" else 1]
