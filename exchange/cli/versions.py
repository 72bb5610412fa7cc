"""``exchange update``, ``supersede``, ``relabel``, ``all-clear``, ``withdraw``: the next version of an alert.

Each is previewed, confirmed, sealed, signed and posted as ``exchange publish`` does, or proposed when approvals are needed; the
preview names who is new and who falls out against the version before. Spec: docs/spec/policy.md, R10 and R11.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from exchange.cli.options import HomeOption, JsonOption, LangOption, PassphraseOption, YesOption, chosen
from exchange.cli.terminal import REFUSED, USAGE, CommandError, Terminal
from exchange.cli.texts import help_text
from exchange.cli.witnesses import UnwitnessedOption

if TYPE_CHECKING:
    from exchange.cli.member import Member
    from exchange.client.draft import Action, Reason, Step
    from exchange.client.source import AlertSource
    from exchange.model.alert import Content, Core
    from exchange.model.tlp import Label

AlertArgument = Annotated[str, typer.Argument(metavar="ALERT", help=help_text("arg_alert"))]
SourceArgument = Annotated[Path, typer.Argument(metavar="FILE.md", help=help_text("arg_later_source"))]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="CODE", help=help_text("opt_reason"))]
PreviewOption = Annotated[bool, typer.Option("--preview", help=help_text("opt_preview"))]
NamelessOption = Annotated[bool, typer.Option("--confirm-nameless", help=help_text("opt_confirm_nameless"))]


def _from_source(action: Action, usual: str) -> Callable[..., None]:
    """The command of a version that a source file says, with the reason that it usually has."""

    def command(
        alert: AlertArgument,
        source: SourceArgument,
        reason: ReasonOption = usual,
        preview: PreviewOption = False,
        confirm_nameless: NamelessOption = False,
        unwitnessed: UnwitnessedOption = False,
        yes: YesOption = False,
        passphrase_file: PassphraseOption = None,
        home: HomeOption = None,
        lang: LangOption = None,
        json: JsonOption = False,
    ) -> None:
        terminal = Terminal(chosen(lang), as_json=json, home=home)
        _run(terminal, passphrase_file, alert, action, reason, source, preview, yes, confirm_nameless, unwitnessed)

    return command


update = _from_source("update", "new-information")
supersede = _from_source("supersede", "correction")
all_clear = _from_source("all-clear", "resolved")


def relabel(
    alert: AlertArgument,
    source: SourceArgument,
    label: Annotated[str, typer.Option("--label", metavar="LABEL", help=help_text("opt_new_label"))],
    reason: ReasonOption = "label",
    preview: PreviewOption = False,
    confirm_nameless: NamelessOption = False,
    unwitnessed: UnwitnessedOption = False,
    yes: YesOption = False,
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Change an alert's label; a lower one needs an approval."""
    terminal = Terminal(chosen(lang), as_json=json, home=home)
    _run(
        terminal, passphrase_file, alert, "relabel", reason, source, preview, yes, confirm_nameless, unwitnessed, label
    )


def withdraw(
    alert: AlertArgument,
    reason: ReasonOption,
    text: Annotated[str | None, typer.Option("--text", help=help_text("opt_withdraw_text"))] = None,
    approver: Annotated[list[str] | None, typer.Option("--approver", help=help_text("opt_approver"))] = None,
    preview: PreviewOption = False,
    confirm_nameless: NamelessOption = False,
    unwitnessed: UnwitnessedOption = False,
    yes: YesOption = False,
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Take an alert back, from everybody who received it and is still in force."""
    terminal = Terminal(chosen(lang), as_json=json, home=home)
    words = (text, tuple(approver or ()))
    _run(terminal, passphrase_file, alert, "withdraw", reason, words, preview, yes, confirm_nameless, unwitnessed)


def _run(
    terminal: Terminal,
    passphrase_file: Path | None,
    alert: str,
    action: Action,
    reason: str,
    source: Path | tuple[str | None, tuple[str, ...]],
    preview_only: bool,
    yes: bool,
    confirm_nameless: bool,
    unwitnessed: bool,
    label: str | None = None,
) -> None:
    """One later version, from the alert's name to the posted statement, or to its preview."""
    import asyncio

    from exchange.cli.member import opened
    from exchange.cli.preview import as_json, make, show
    from exchange.cli.publish import issue
    from exchange.client.versions import REASONS, step_of

    if reason not in REASONS:
        raise CommandError("bad_change_reason", status=USAGE, reasons=", ".join(REASONS))

    async def work() -> int:
        async with opened(terminal, passphrase_file) as member:
            if "author" not in member.person.roles:
                raise CommandError("not_author")
            step = await step_of(member.client, named(member, alert), action, cast("Reason", reason))
            draft, table = make(member, _source(terminal, member, step, source, label), step)
            if not preview_only:
                return await issue(
                    terminal, member, draft, table, yes=yes, confirm_nameless=confirm_nameless, unwitnessed=unwitnessed
                )
            if terminal.as_json:
                terminal.json(as_json(terminal, member, draft, table))
            else:
                show(terminal, member, draft, table)
            return 0 if draft.allowed else REFUSED

    raise typer.Exit(asyncio.run(work()))


def named(member: Member, wanted: str) -> str:
    """The alert id that a publisher means: by number or statement id of what was received, or of any released alert by its ids.

    Raises CommandError ``alert_unknown``, ``alert_ambiguous``.
    """
    from exchange.cli.view import find
    from exchange.client.versions import find_alert

    try:
        return find(member, wanted).core.alert
    except CommandError as error:
        found = find_alert(member.client, wanted) if error.key == "alert_unknown" else None
        if found is None:
            raise
        return found


def _source(
    terminal: Terminal, member: Member, step: Step, source: Path | tuple[str | None, tuple[str, ...]], label: str | None
) -> AlertSource:
    """What the version says: a file, or the words of a withdrawal. Raises SourceError, CommandError ``label_mismatch``."""
    from exchange.cli.connect import now
    from exchange.client.source import read_source
    from exchange.client.versions import withdrawal

    before = _before(member, step)
    if isinstance(source, Path):
        found = read_source(source, _relabelled(step, label))
        if label is not None and found.label is not _label(label):
            raise CommandError("label_mismatch", label=label, source=found.label.display)
        number = None if before is None else before.number
        return found if found.number is not None else replace(found, number=number)
    text, approvers = source
    language = terminal.language if before is None else before.texts[0].language
    asked = approvers or _approvers(member, step)
    return withdrawal(step, before, now(), language=language, text=text, approvers=asked)


def _relabelled(step: Step, label: str | None) -> Core:
    """The core that a source file may leave things to: the version before, with the label asked for."""
    core = step.before.core
    return core if label is None else core.model_copy(update={"label": _label(label)})


def _label(text: str) -> Label:
    from exchange.model.tlp import parse_label

    try:
        return parse_label(text)
    except ValueError:
        raise CommandError("bad_label", status=USAGE, label=text) from None


def _before(member: Member, step: Step) -> Content | None:
    """The content of the version before, when it was opened here."""
    from exchange.client.sync import letter

    row = member.state.alert(step.before.statement)
    if row is None or row.status not in ("opened", "public"):
        return None
    return letter(member.client, row.statement).content


def _approvers(member: Member, step: Step) -> tuple[str, ...]:
    """The approvers of the version before who can approve this author's alert, by name."""
    from exchange.policy.rules import approver_fault

    roster = member.client.replica.now(member.client.clock())
    author = member.person
    can = [p for p in step.before.core.approvers if approver_fault(roster, author, p) is None]
    place = member.names.of(author.organisation)
    return tuple(f"{member.names.of(person)} ({place})" for person in can)
