"""``exchange clear-check``: a visitor checks a public alert on the own machine (``docs/spec/envelope.md``, A visitor's check).

Needs no home, no key and no session. The evidence comes from a file, or from the alert's address; nothing that the exchange
says is believed either way. Says what was proven in the reader's numbered steps, and what a visitor cannot prove.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from exchange.cli.options import JsonOption, LangOption, chosen
from exchange.cli.terminal import REFUSED, USAGE, CommandError, Terminal, read_file
from exchange.cli.texts import help_text

if TYPE_CHECKING:
    from exchange.client.clear import ClearProof

MAX_ATTACHMENT = 128 << 20
"""Bytes of a downloaded attachment."""
LIMITS = ("clear_limit_chain", "clear_limit_newer", "clear_limit_witness")
"""What is said with every result, because no command can take it away."""
_ID = re.compile(r"[0-9a-f]{64}")
_PATH = re.compile(r"(/[!-~]*)?/clear/([0-9a-f]{64})(?:/evidence)?/?")


def clear_check(
    source: Annotated[str, typer.Argument(metavar="URL|FILE", help=help_text("arg_clear"))],
    exchange: Annotated[str, typer.Option("--exchange", metavar="ID", help=help_text("opt_exchange"))],
    attachment: Annotated[
        list[Path] | None, typer.Option("--attachment", metavar="FILE", help=help_text("opt_attachment"))
    ] = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Check a public alert without believing the page. Exit status 1 when something does not verify."""
    import asyncio

    from exchange.cli.connect import now
    from exchange.cli.failure import sentence
    from exchange.cli.times import moment
    from exchange.client.answers import MAX_EVIDENCE
    from exchange.client.clear import check_attachments, check_clear
    from exchange.client.errors import VerificationError

    terminal = Terminal(chosen(lang), as_json=json)
    if _ID.fullmatch(exchange) is None:
        raise CommandError("clear_exchange_wrong", status=USAGE)
    wanted: str | None = None
    if source.startswith(("https://", "http://")):
        base, wanted = _address(source)
        document = asyncio.run(_fetch(base, wanted))
    else:
        document = read_file(Path(source), max_bytes=MAX_EVIDENCE)
    files = [read_file(path, max_bytes=MAX_ATTACHMENT) for path in attachment or []]
    try:
        proof = check_clear(document, exchange, wanted)
        found = check_attachments(proof, files)
    except VerificationError as error:
        reason = sentence(terminal, error.code, error.detail)
        terminal.fail(
            "verification_failed", hints=("hint_clear_refused",), step=error.name, reason=reason, code=error.code
        )
        raise typer.Exit(REFUSED) from None
    if json:
        terminal.json(_as_json(terminal, proof, found))
        return
    _print(terminal, proof)
    for number in found:
        terminal.say("clear_attachment", number=number)
    released = moment(proof.released, terminal.language)
    terminal.say("clear_verified", issuer=_issuer(terminal, proof), released=released)
    if now() >= proof.opened.core.valid_until:
        terminal.say("clear_expired")
    for limit in LIMITS:
        terminal.say(limit)


def _address(url: str) -> tuple[str, str]:
    """The exchange's address and the statement id of a public page's address. Raises CommandError ``clear_url_wrong``."""
    parts = urlsplit(url)
    match = _PATH.fullmatch(parts.path)
    if match is None or not parts.netloc:
        raise CommandError("clear_url_wrong", hints=("hint_clear_url",), status=USAGE, url=url)
    return f"{parts.scheme}://{parts.netloc}{match[1] or ''}", match[2]


async def _fetch(base: str, statement: str) -> bytes:
    from exchange.cli.connect import public

    async with public(base) as api:
        return await api.clear_evidence(statement)


def _issuer(terminal: Terminal, proof: ClearProof) -> str:
    return proof.name if proof.name is not None else terminal.text("clear_nameless", id=proof.organisation)


def _steps(terminal: Terminal, proof: ClearProof) -> list[tuple[int, str]]:
    return [
        (1, terminal.text("clear_step_1")),
        (2, terminal.text("clear_step_2", index=proof.opened.index)),
        (3, terminal.text("clear_step_3", number=proof.statements)),
        (4, terminal.text("clear_step_4")),
        (5, terminal.text("clear_step_5", number=proof.approvers)),
        (6, terminal.text("clear_step_6")),
        (9, terminal.text("clear_step_9")),
    ]


def _print(terminal: Terminal, proof: ClearProof) -> None:
    from exchange.cli.terminal import columns, safe
    from exchange.cli.times import moment
    from exchange.cli.view import put, put_label

    core, content, language = proof.opened.core, proof.opened.content, terminal.language
    for number, line in _steps(terminal, proof):
        put(f"V{number}  {terminal.text('audit_ok')}  {line}")
    put("")
    put_label(terminal, core)
    text = next((text for text in content.texts if text.language == language), content.texts[0])
    put(safe(text.title))
    rows = [
        (terminal.text("field_from"), _issuer(terminal, proof)),
        (terminal.text("field_organisation"), proof.organisation),
        (terminal.text("field_published"), moment(proof.released, language)),
        (terminal.text("field_valid"), moment(core.valid_until, language)),
        (terminal.text("field_number"), content.number or "–"),
        (terminal.text("field_id"), proof.opened.statement.id),
        *(
            (f"{terminal.text('field_attachments')} {place}", f"{item.name}, SHA-256 {item.sha256}")
            for place, item in enumerate(content.attachments, 1)
        ),
    ]
    for line in columns(rows):
        put(line)
    put("")
    put(safe(text.text, lines=True))
    if text.advice is not None:
        put("")
        put(safe(text.advice, lines=True))
    put_label(terminal, core)


def _as_json(terminal: Terminal, proof: ClearProof, attachments: list[int]) -> dict[str, object]:
    from exchange.cli.times import iso

    core, opened = proof.opened.core, proof.opened
    return {
        "alert": core.alert,
        "approvers": proof.approvers,
        "attachments": attachments,
        "content": opened.content.to_json(),
        "exercise": core.exercise,
        "index": opened.index,
        "journal": proof.journal,
        "label": core.label.display,
        "not_proven": [terminal.text(limit) for limit in LIMITS],
        "organisation": proof.organisation,
        "organisation_name": proof.name,
        "registry": proof.registry,
        "released": iso(proof.released),
        "statement": opened.statement.id,
        "steps": {f"V{number}": line for number, line in _steps(terminal, proof)},
        "valid_until": iso(core.valid_until),
        "verified": True,
        "version": core.version,
    }
