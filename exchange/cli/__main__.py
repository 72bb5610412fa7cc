"""The command ``exchange``: the table of commands, and the one place where an error becomes a line and an exit status.

Exit status: 0 done, 1 refused or a verification failed, 2 usage. No traceback reaches a person: what was not expected is one
line and a code, and ``EXCHANGE_DEBUG=1`` shows where. Commands import what they need when they run, so that ``--help``
answers at once.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

import typer
from typer.main import get_command

from exchange.cli import (
    absent,
    ack,
    admit,
    approve,
    audit,
    audit_evidence,
    audit_exhibit,
    audit_explain,
    audit_fetch,
    audit_fork,
    audit_fsck,
    audit_watch,
    change,
    circle,
    clear_check,
    clients,
    countersign,
    devices,
    drill,
    erase,
    fork,
    history,
    inbox,
    init,
    invite,
    join,
    members,
    mirror,
    notice,
    offboard,
    preview,
    publish,
    questions,
    read,
    receipts,
    remove,
    renew,
    retention,
    revoke,
    rotate,
    serve,
    share,
    suspend,
    terms,
    versions,
    watch,
    witness_add_log,
    witness_init,
    witness_serve,
    witnesses_name,
    witnesses_show,
)
from exchange.cli.failure import report_failure
from exchange.cli.terminal import DEBUG, REFUSED, USAGE, Terminal
from exchange.cli.texts import help_text, process_language

PROGRAM = "exchange"
GROUPS = frozenset(
    {"audit", "circle", "client", "drill", "fork", "organisation", "person", "terms", "witness", "witnesses"}
)
"""Commands that are followed by another word."""


def _group(key: str) -> typer.Typer:
    return typer.Typer(
        add_completion=False,
        help=help_text(key),
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )


def _nothing() -> None:
    """A group with one command stays a group."""


def build() -> typer.Typer:
    """The commands, in the order in which a person meets them."""
    app = _group("program")
    for name, function in (
        ("init", init.init),
        ("serve", serve.serve),
        ("retention", retention.retention),
        ("invite", invite.invite),
        ("join", join.join),
        ("admit", admit.admit),
        ("countersign", countersign.countersign),
        ("suspend", suspend.suspend),
        ("renew", renew.renew),
        ("remove", remove.remove),
        ("revoke", revoke.revoke),
        ("notice", notice.notice),
        ("offboard", offboard.offboard),
        ("erase", erase.erase),
        ("members", members.members),
        ("rotate", rotate.rotate),
        ("devices", devices.devices),
        ("inbox", inbox.inbox),
        ("read", read.read),
        ("ack", ack.ack),
        ("watch", watch.watch),
        ("share", share.share),
        ("history", history.history),
        ("absent", absent.absent),
        ("ask", questions.ask),
        ("answers", questions.answers),
        ("preview", preview.preview),
        ("publish", publish.publish),
        ("update", versions.update),
        ("supersede", versions.supersede),
        ("relabel", versions.relabel),
        ("all-clear", versions.all_clear),
        ("withdraw", versions.withdraw),
        ("approve", approve.approve),
        ("receipts", receipts.receipts),
        ("questions", questions.questions),
        ("answer", questions.answer),
    ):
        app.command(name, help=help_text(name.replace("-", "_")))(function)
    app.command("mirror", help=help_text("mirror"))(mirror.mirror)
    app.command("clear-check", help=help_text("clear_check"))(clear_check.clear_check)
    accepting = _group("terms")
    accepting.command("show", help=help_text("terms_show"))(terms.show)
    accepting.command("accept", help=help_text("terms_accept"))(terms.accept)
    accepting.command("define", help=help_text("terms_define"))(terms.define)
    accepting.command("upload", help=help_text("terms_upload"))(terms.upload)
    app.add_typer(accepting, name="terms", help=help_text("terms"))
    drilling = _group("drill")
    drilling.command("run", help=help_text("drill_run"))(drill.run)
    drilling.command("report", help=help_text("drill_report"))(drill.report)
    app.add_typer(drilling, name="drill", help=help_text("drill"))
    circles = _group("circle")
    circles.command("define", help=help_text("circle_define"))(circle.define)
    circles.command("change", help=help_text("circle_change"))(circle.change)
    circles.command("show", help=help_text("circle_show"))(circle.show)
    app.add_typer(circles, name="circle", help=help_text("circle"))
    sponsored = _group("client")
    sponsored.command("register", help=help_text("client_register"))(clients.register)
    sponsored.command("list", help=help_text("client_list"))(clients.listing)
    app.add_typer(sponsored, name="client", help=help_text("client"))
    people = _group("person")
    people.callback()(_nothing)
    people.command("change", help=help_text("person_change"))(change.person)
    app.add_typer(people, name="person", help=help_text("person"))
    organisations = _group("organisation")
    organisations.callback()(_nothing)
    organisations.command("change", help=help_text("organisation_change"))(change.organisation)
    app.add_typer(organisations, name="organisation", help=help_text("organisation"))
    witnesses = _group("witnesses")
    witnesses.command("name", help=help_text("witnesses_name"))(witnesses_name.name)
    witnesses.command("show", help=help_text("witnesses_show"))(witnesses_show.show)
    app.add_typer(witnesses, name="witnesses", help=help_text("witnesses"))
    forking = _group("fork")
    forking.command("show", help=help_text("fork_show"))(fork.show)
    forking.command("forget", help=help_text("fork_forget"))(fork.forget)
    app.add_typer(forking, name="fork", help=help_text("fork"))
    auditing = _group("audit")
    auditing.command("fetch", help=help_text("audit_fetch"))(audit_fetch.fetch)
    auditing.command("export", help=help_text("audit_export"))(audit.export)
    auditing.command("verify", help=help_text("audit_verify"))(audit.verify)
    auditing.command("evidence", help=help_text("audit_evidence"))(audit_evidence.evidence)
    auditing.command("prove-fork", help=help_text("audit_prove_fork"))(audit_fork.prove_fork)
    auditing.command("check-fork", help=help_text("audit_check_fork"))(audit_fork.check_fork)
    auditing.command("watch", help=help_text("audit_watch"))(audit_watch.watch)
    auditing.command("check-contradiction", help=help_text("audit_check_contradiction"))(
        audit_exhibit.check_contradiction
    )
    auditing.command("check-withheld", help=help_text("audit_check_withheld"))(audit_exhibit.check_withheld)
    auditing.command("fsck", help=help_text("audit_fsck"))(audit_fsck.fsck)
    auditing.command("explain", help=help_text("audit_explain"))(audit_explain.explain)
    app.add_typer(auditing, name="audit", help=help_text("audit"))
    witnessing = _group("witness")
    witnessing.command("init", help=help_text("witness_init"))(witness_init.init)
    witnessing.command("add-log", help=help_text("witness_add_log"))(witness_add_log.add_log)
    witnessing.command("serve", help=help_text("witness_serve"))(witness_serve.serve)
    app.add_typer(witnessing, name="witness", help=help_text("witness"))
    return app


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    given = _language_last(list(sys.argv[1:] if arguments is None else arguments))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name outside the terminal's alphabet must not stop the listing
            stream.reconfigure(errors="backslashreplace")
    terminal = Terminal(process_language(given), as_json="--json" in given)
    try:
        status = get_command(build()).main(args=given, prog_name=PROGRAM, standalone_mode=False)
        return status if isinstance(status, int) else 0
    except typer.TyperException as error:
        return _usage(terminal, error, given)
    except (typer.Abort, KeyboardInterrupt):
        terminal.fail("interrupted", code="interrupted")
        return REFUSED
    except BrokenPipeError:
        # Whoever read our output has gone; Python would complain once more when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return REFUSED
    except Exception as error:
        if os.environ.get(DEBUG) == "1":
            raise
        return report_failure(terminal, error)


def _language_last(given: list[str]) -> list[str]:
    """``exchange --lang en inbox`` reads as ``exchange inbox --lang en``: every command has the option, the program has none."""
    if "--lang" not in given:
        return given
    place = given.index("--lang")
    language, rest = given[place : place + 2], given[:place] + given[place + 2 :]
    words = [word for word in rest if not word.startswith("-")]
    if not words or (len(rest) == 1 and rest[0] in GROUPS):
        return rest
    return [*rest, *language] if place == 0 else given


def _usage(terminal: Terminal, error: typer.TyperException, given: Sequence[str]) -> int:
    message = error.format_message()
    if not given or message.startswith("Usage:"):  # nothing asked for: the help is the answer
        print(message, file=sys.stderr)
        return USAGE
    line = message[:1].lower() + message[1:].rstrip(".")
    terminal.fail("usage_wrong", reason=line, code="usage")
    context = getattr(error, "ctx", None)
    terminal.hint("hint_help", command=PROGRAM if context is None else context.command_path)
    return int(error.exit_code)


def main() -> None:
    """The console script."""
    sys.exit(run())


if __name__ == "__main__":
    main()
