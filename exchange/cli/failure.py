"""One error, one line: what a person is told when a command cannot go on, and the exit status.

Domain errors carry a code and a sentence of their own; for the codes that people meet, the table of texts,
``exchange.policy.explain`` and ``keys.texts`` have the sentence in both languages. An error without a code was not expected: its
name is the code, its text is kept back, because it may hold anything.
"""

from __future__ import annotations

from pathlib import Path

from exchange.cli.terminal import REFUSED, CommandError, Terminal
from exchange.cli.texts import TEXTS

HINTS: dict[str, str] = {
    "changed-meanwhile": "hint_again",
    "device-not-enrolled": "hint_not_enrolled",
    "no-home": "hint_no_home",
    "not-yet": "hint_clock",
    "seen-ahead": "hint_seen",
    "seen-differs": "hint_seen",
    "timeout": "hint_unreachable",
    "too-late": "hint_clock",
    "unreachable": "hint_unreachable",
    "wrong-passphrase": "hint_passphrase",
}
"""What to do, by code."""


def report_failure(terminal: Terminal, error: Exception) -> int:
    """Say why it does not go on; returns the exit status."""
    if isinstance(error, CommandError):
        terminal.fail(error.key, hints=error.hints, code=error.code, **error.values)
        return error.status
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]  # several requests at once: the first that failed speaks for them
    code = getattr(error, "code", None)
    if isinstance(error, OSError):
        name = error.filename if isinstance(error.filename, str) else "?"
        terminal.fail("file_unusable", file=name, reason=error, code="file-unusable")
        return REFUSED
    if not isinstance(code, str):
        terminal.fail("unexpected", hints=("hint_debug",), code=f"internal-{type(error).__name__}")
        return REFUSED
    fork = _fork_of(error)
    if fork is not None:
        terminal.fail("fork_met", code=code, log=fork[0])
        say_fork_hints(terminal, fork[1])
        return REFUSED
    told = _told(terminal, error, code)
    step, rule = getattr(error, "step", None), getattr(error, "rule", None)
    hints = [HINTS[code]] if code in HINTS else []
    if isinstance(step, int):
        from exchange.client.errors import step_name

        terminal.fail("verification_failed", hints=["hint_verification"], step=step_name(step), reason=told, code=code)
    elif isinstance(rule, str) and rule:
        terminal.fail("refused", hints=hints, rule=rule, reason=told, code=code)
    else:
        terminal.fail("failed", hints=hints, reason=told, code=code)
    differs = getattr(error, "differs", None)
    if isinstance(differs, dict) and differs:
        values = "; ".join(f"{name}: {', '.join(map(str, listed))}" for name, listed in differs.items() if listed)
        if values:
            terminal.say("refused_values", values=values)
    return REFUSED


def _fork_of(error: Exception) -> tuple[str, Path] | None:
    """The log and the proof's file of a fork, met now or before; None of any other error."""
    from exchange.client.errors import VerificationError
    from exchange.client.forks import FORK, Forked

    if isinstance(error, Forked):
        return error.fork.log, error.fork.file
    if isinstance(error, VerificationError) and error.code == FORK and "file" in error.evidence:
        return error.evidence["log"], Path(error.evidence["file"])
    return None


def say_fork_hints(terminal: Terminal, file: Path) -> None:
    """What a person does who has met a fork."""
    terminal.hint("hint_fork_call")
    terminal.hint("hint_fork_send", file=file)
    terminal.hint("hint_fork_quiet")
    terminal.hint("hint_fork_forget")


def _told(terminal: Terminal, error: Exception, code: str) -> str:
    """The sentence for an error; a signing file's and an envelope's codes mean something else than an alert's (``expired``)."""
    from keys.errors import EnvelopeError, KeysError, SigningFileError
    from keys.texts import sentence as sentence_of_keys

    if not isinstance(error, KeysError):
        return sentence(terminal, code, str(error))
    told = sentence_of_keys(error, terminal.language)
    own = isinstance(error, (SigningFileError, EnvelopeError)) or told != error.message
    return told if own else sentence(terminal, code, told)


def sentence(terminal: Terminal, code: str, detail: str) -> str:
    """The sentence for a code in the person's language, else the error's own.

    The auditor's words name no file and no entry; in German the detail stands in brackets behind them.
    """
    key = f"code_{code}"
    if key in TEXTS:
        return terminal.text(key, detail=detail)
    from exchange.audit.texts import code_text
    from exchange.policy.explain import SENTENCES, explain

    if code in SENTENCES and "{" not in SENTENCES[code][0]:
        return explain(code, language=terminal.language)
    words = code_text(code, "de") if terminal.language == "de" else None
    if words is None:
        return detail
    return f"{words} ({detail})" if detail else words
