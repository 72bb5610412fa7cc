"""``exchange audit``: export both logs as a bundle, and verify a bundle offline (``docs/spec/audit.md``)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exchange.cli.options import HomeOption, JsonOption, LangOption, PassphraseOption, chosen
from exchange.cli.terminal import Terminal, read_file
from exchange.cli.texts import help_text

if TYPE_CHECKING:
    from exchange.audit.report import Finding, Report, Step

MAX_NOTE = 65_536
"""Bytes of a checkpoint."""


def export(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help=help_text("opt_audit_out"))],
    offline: Annotated[bool, typer.Option("--offline", help=help_text("opt_audit_offline"))] = False,
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Fetch what is missing, then export logs, statements and keys.

    Exit status 1 when what the exchange shows does not verify.
    """
    import asyncio

    from exchange.audit.export import run_export
    from exchange.cli.audit_fetch import not_enrolled
    from exchange.cli.failure import report_failure
    from exchange.cli.member import opened
    from exchange.client.errors import Refused

    terminal = Terminal(chosen(lang), as_json=json, home=home)

    async def work() -> int:
        async with opened(terminal, passphrase_file, offline=True) as member:
            with terminal.progress("progress_export") as update:
                try:
                    outcome = await run_export(
                        member.client,
                        out,
                        offline=offline,
                        progress=lambda step, done, total: update(done, total=total),
                    )
                except Refused as refusal:
                    raise not_enrolled(member, refusal) from None
        if outcome.error is not None:
            report_failure(terminal, outcome.error)
        made = outcome.exported
        if made is not None:
            terminal.say("audit_exported", statements=made.statements, registry=made.registry, journal=made.journal)
            terminal.hint("hint_audit_verify", out=made.path, exchange=member.home.membership.exchange)
            if json:
                terminal.json(
                    {
                        "journal": made.journal,
                        "leaves": made.leaves,
                        "path": str(made.path),
                        "registry": made.registry,
                        "statements": made.statements,
                    }
                )
            else:
                terminal.data(made.path)
        return outcome.status

    raise typer.Exit(asyncio.run(work()))


def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help=help_text("arg_audit"))],
    exchange: Annotated[str | None, typer.Option("--exchange", metavar="ID", help=help_text("opt_exchange"))] = None,
    checkpoint: Annotated[
        list[Path] | None, typer.Option("--checkpoint", metavar="FILE", help=help_text("opt_checkpoint"))
    ] = None,
    require_quorum: Annotated[bool, typer.Option("--require-quorum", help=help_text("opt_require_quorum"))] = False,
    report: Annotated[Path | None, typer.Option("--report", metavar="FILE.html", help=help_text("opt_report"))] = None,
    pdf: Annotated[Path | None, typer.Option("--pdf", metavar="FILE.pdf", help=help_text("opt_pdf"))] = None,
    tlp: Annotated[str | None, typer.Option("--tlp", metavar="LABEL", help=help_text("opt_report_tlp"))] = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Verify a bundle without a network: consistency, signatures, four eyes, every decision recomputed."""
    from exchange.audit.evidence import is_pack
    from exchange.audit.texts import step_title
    from exchange.audit.verify import run_verify
    from exchange.cli.audit_report import prepared
    from exchange.cli.failure import report_failure

    terminal = Terminal(chosen(lang), as_json=json)
    written = prepared(report, pdf, tlp)
    kept = [read_file(path, max_bytes=MAX_NOTE) for path in checkpoint or []]
    with terminal.progress("progress_verify") as update:
        outcome = run_verify(
            folder,
            exchange=exchange,
            kept=kept,
            require_quorum=require_quorum,
            collector=written.collector,
            progress=lambda step, done, total: update(
                done, total=total, label=f"{step}/10 {step_title(step, terminal.language)}"
            ),
        )
    if outcome.error is not None:
        report_failure(terminal, outcome.error)
        if is_pack(folder):
            terminal.hint("hint_evidence_verify")
    if outcome.report is not None:
        if json:
            terminal.json(outcome.report.to_json())
        else:
            print_report(terminal, outcome.report)
        terminal.say("audit_verified" if outcome.report.verified else "audit_refused", exchange=outcome.report.exchange)
        written.write(terminal, folder, outcome.report)
        if exchange is None:
            terminal.hint("hint_audit_exchange")
    raise typer.Exit(outcome.status)


def print_report(terminal: Terminal, report: Report) -> None:
    """The ten steps, the findings and the counts, as tables."""
    from exchange.audit.texts import TOTALS, step_title

    language = terminal.language
    rows = [
        [step.number, step_title(step.number, language), terminal.text(_state(step)), step.checked, step.notices or ""]
        for step in report.steps
    ]
    head = [terminal.text(f"head_{name}") for name in ("step", "what", "result", "checked", "notices")]
    terminal.table(rows, head)
    findings = [finding for step in report.steps for finding in step.findings]
    if findings:
        terminal.data()
        place = [terminal.text(f"head_{name}") for name in ("step", "result", "where", "code", "what")]
        terminal.table([_finding(terminal, finding) for finding in findings], place)
    terminal.data()
    at = 0 if terminal.language == "de" else 1
    terminal.table([[TOTALS[name][at], _total(value)] for name, value in report.totals.to_json().items() if value])


def _state(step: Step) -> str:
    if step.ok:
        return "audit_ok"
    return "audit_step_refused" if step.refused else "audit_incomplete"


def _finding(terminal: Terminal, finding: Finding) -> list[object]:
    from exchange.audit.texts import code_text, told

    where = "" if finding.log is None else f"{finding.log} {'' if finding.index is None else finding.index}".strip()
    sentence = told(finding.form, finding.values, terminal.language) if finding.form else finding.sentence
    known = code_text(finding.code, terminal.language)
    if known is not None:
        sentence = f"{known}: {sentence}"
    kind = terminal.text("audit_step_refused" if finding.severity == "refused" else "audit_notice")
    return [finding.step, kind, where or finding.subject, " ".join((finding.rule, finding.code)).strip(), sentence]


def _total(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"TLP:{label} {number}" for label, number in value.items())
    return str(value)
