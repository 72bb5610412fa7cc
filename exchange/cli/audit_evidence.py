"""``exchange audit evidence``: the evidence pack of one alert, and its verification (``docs/spec/evidence.md``).

The command has two forms that share a name: ``evidence ALERT --bundle DIR --out FOLDER`` makes a pack, ``evidence verify FOLDER
--exchange ID`` judges one, anywhere and offline.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from exchange.cli.options import JsonOption, LangOption, chosen
from exchange.cli.terminal import REFUSED, USAGE, CommandError, Terminal
from exchange.cli.texts import help_text

if TYPE_CHECKING:
    from exchange.audit.evidence_verify import Evidence

VERIFY = "verify"


def evidence(
    what: Annotated[list[str], typer.Argument(metavar="ALERT | verify FOLDER", help=help_text("arg_evidence"))],
    bundle: Annotated[
        Path | None, typer.Option("--bundle", metavar="DIR", help=help_text("opt_evidence_bundle"))
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FOLDER", help=help_text("opt_evidence_out"))] = None,
    exchange: Annotated[str | None, typer.Option("--exchange", metavar="ID", help=help_text("opt_exchange"))] = None,
    with_names: Annotated[bool, typer.Option("--with-names", help=help_text("opt_with_names"))] = False,
    with_readers: Annotated[bool, typer.Option("--with-readers", help=help_text("opt_with_readers"))] = False,
    whole_registry: Annotated[bool, typer.Option("--whole-registry", help=help_text("opt_whole_registry"))] = False,
    receipts: Annotated[int, typer.Option("--receipts", min=0, max=1024, help=help_text("opt_receipts"))] = 20,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Make a pack, or verify one. Exit status 1 when something does not verify or there is no such alert."""
    from exchange.audit.bundle import BundleError
    from exchange.audit.evidence import EvidenceError
    from exchange.audit.evidence_make import Choices, make_evidence, write_evidence
    from exchange.audit.evidence_verify import verify_evidence
    from exchange.cli.failure import sentence

    terminal = Terminal(chosen(lang), as_json=json)
    try:
        if what[0] == VERIFY:
            if len(what) != 2 or exchange is None or bundle is not None or out is not None:
                raise CommandError("evidence_usage", hints=("hint_evidence_verify",), status=USAGE)
            if len(exchange) != 64 or not set(exchange) <= set("0123456789abcdef"):
                raise CommandError("clear_exchange_wrong", status=USAGE)
            _tell(terminal, verify_evidence(Path(what[1]), exchange))
            return
        if len(what) != 1 or bundle is None or out is None:
            raise CommandError("evidence_usage", hints=("hint_evidence_make",), status=USAGE)
        choices = Choices(with_names, with_readers, whole_registry, receipts)
        with terminal.progress("progress_evidence") as update:
            files = make_evidence(bundle, what[0], choices, progress=lambda _, done, total: update(done, total=total))
        proven = write_evidence(out, files, _exchange_of(bundle) if exchange is None else exchange)
    except (EvidenceError, BundleError) as error:
        reason = sentence(terminal, error.code, error.detail)
        file = getattr(error, "file", "")
        if file:
            told = reason if error.detail in reason else f"{reason} ({error.detail})"
            terminal.fail("evidence_refused_file", file=file, reason=told, code=error.code)
        else:
            terminal.fail("evidence_refused", reason=reason, code=error.code)
        raise typer.Exit(USAGE if error.code in ("not-evidence", "not-a-bundle") else REFUSED) from None
    _tell(terminal, proven)
    terminal.say("evidence_written", files=len(files), size=sum(map(len, files.values())))
    terminal.hint("hint_evidence_check", out=out, exchange=proven.exchange)
    if not json:
        terminal.data(out)


def _exchange_of(bundle: Path) -> str:
    from exchange.audit.bundle import AuditBundle

    return str(AuditBundle(bundle).manifest().get("exchange"))


def _tell(terminal: Terminal, proven: Evidence) -> None:
    if terminal.as_json:
        terminal.json(as_json(proven))
    else:
        _print(terminal, proven)
    for name in proven.extra:
        terminal.say("evidence_extra", file=name)
    for number, statement, _ in proven.newer:
        terminal.say("evidence_newer", version=number, statement=statement)
    terminal.say("evidence_verified", statement=proven.statement, exchange=proven.exchange)
    for code in proven.limits:
        terminal.say(f"state_evidence_{code.replace('-', '_')}", size=proven.sizes["journal"])


def _print(terminal: Terminal, proven: Evidence) -> None:
    from exchange.cli.times import moment

    core, language = proven.core, terminal.language

    def named(family: str, subject: str) -> str:
        name = proven.names.get(f"{family}/{subject}")
        return subject if name is None else f"{name} ({subject})"

    rows: list[tuple[str, object]] = [
        ("label", f"TLP:{core.label.value}"),
        ("version", core.version),
        ("released", f"{moment(proven.released, language)}, {terminal.text('evidence_entry', index=proven.index)}"),
        ("organisation", named("organisation", proven.organisation)),
        ("author", named("person", proven.author)),
        *(("approval", named("person", person)) for person in proven.approvals),
        ("required", proven.required),
        ("leaves", proven.leaves),
        *(
            (
                "review",
                f"{named('person', person)}: {terminal.text(f'state_evidence_{outcome}')}, {moment(at, language)}",
            )
            for person, outcome, at in proven.reviews
        ),
    ]
    terminal.table([[terminal.text(f"field_evidence_{name}"), value] for name, value in rows])
    if proven.confirmations:
        terminal.data()
        head = [terminal.text(f"head_{name}") for name in ("evidence_device", "level", "at", "result")]
        terminal.table(
            [
                [
                    one.device if one.person is None else named("person", one.person),
                    terminal.text(f"state_evidence_{one.level}"),
                    moment(one.at, language),
                    terminal.text("audit_ok" if one.verified else "evidence_unchecked"),
                ]
                for one in proven.confirmations
            ],
            head,
        )
    if proven.left_out:
        terminal.say("evidence_left_out", count=proven.left_out)
    for log, times in proven.witnesses.items():
        for name, at in times.items():
            terminal.say("evidence_witness", name=name, log=log, at=moment(at, language))


def as_json(proven: Evidence) -> dict[str, Any]:
    """What was proven, for scripts."""
    return {
        "alert": proven.core.alert,
        "approvals": list(proven.approvals),
        "author": proven.author,
        "exchange": proven.exchange,
        "extra": list(proven.extra),
        "index": proven.index,
        "label": proven.core.label.value,
        "leaves": proven.leaves,
        "left_out": proven.left_out,
        "names": dict(proven.names),
        "not_proven": list(proven.limits),
        "organisation": proven.organisation,
        "quorum": {log: at for log, at in proven.quorum.items() if at is not None},
        "receipts": [
            {"at": one.at, "device": one.device, "level": one.level, "verified": one.verified}
            for one in proven.confirmations
        ],
        "released": proven.released,
        "reviews": [{"at": at, "outcome": outcome, "person": person} for person, outcome, at in proven.reviews],
        "statement": proven.statement,
        "statements": proven.statements,
        "version": proven.core.version,
        "versions": [
            {"index": index, "statement": statement, "version": version}
            for version, statement, index in proven.versions
        ],
        "whole_registry": proven.whole,
        "witnesses": {log: dict(times) for log, times in proven.witnesses.items()},
    }
