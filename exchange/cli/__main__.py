"""The command ``exchange``: the table of commands, and the one place where an error becomes a line and an exit status.

Exit status: 0 done, 1 refused or a verification failed, 2 usage. No traceback reaches a person: what was not expected is one
line and a code, and ``EXCHANGE_DEBUG=1`` shows where. Commands import what they need when they run, so that ``--help``
answers at once.
"""

from __future__ import annotations

import gc
import io
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

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
from exchange.cli.program_words import formatter, in_words
from exchange.cli.terminal import DEBUG, REFUSED, USAGE, Terminal
from exchange.cli.texts import help_text
from keys.language import Language, process_language

PROGRAM = "exchange"
COMMANDS: dict[str, Callable[..., object]] = {
    "init": init.init,
    "serve": serve.serve,
    "retention": retention.retention,
    "invite": invite.invite,
    "join": join.join,
    "admit": admit.admit,
    "countersign": countersign.countersign,
    "suspend": suspend.suspend,
    "renew": renew.renew,
    "remove": remove.remove,
    "revoke": revoke.revoke,
    "notice": notice.notice,
    "offboard": offboard.offboard,
    "erase": erase.erase,
    "members": members.members,
    "rotate": rotate.rotate,
    "devices": devices.devices,
    "inbox": inbox.inbox,
    "read": read.read,
    "ack": ack.ack,
    "watch": watch.watch,
    "share": share.share,
    "history": history.history,
    "absent": absent.absent,
    "ask": questions.ask,
    "answers": questions.answers,
    "preview": preview.preview,
    "publish": publish.publish,
    "update": versions.update,
    "supersede": versions.supersede,
    "relabel": versions.relabel,
    "all-clear": versions.all_clear,
    "withdraw": versions.withdraw,
    "approve": approve.approve,
    "receipts": receipts.receipts,
    "questions": questions.questions,
    "answer": questions.answer,
    "mirror": mirror.mirror,
    "clear-check": clear_check.clear_check,
    "terms show": terms.show,
    "terms accept": terms.accept,
    "terms define": terms.define,
    "terms upload": terms.upload,
    "drill run": drill.run,
    "drill report": drill.report,
    "circle define": circle.define,
    "circle change": circle.change,
    "circle show": circle.show,
    "client register": clients.register,
    "client list": clients.listing,
    "person change": change.person,
    "organisation change": change.organisation,
    "witnesses name": witnesses_name.name,
    "witnesses show": witnesses_show.show,
    "fork show": fork.show,
    "fork forget": fork.forget,
    "audit fetch": audit_fetch.fetch,
    "audit export": audit.export,
    "audit verify": audit.verify,
    "audit evidence": audit_evidence.evidence,
    "audit prove-fork": audit_fork.prove_fork,
    "audit check-fork": audit_fork.check_fork,
    "audit watch": audit_watch.watch,
    "audit check-contradiction": audit_exhibit.check_contradiction,
    "audit check-withheld": audit_exhibit.check_withheld,
    "audit fsck": audit_fsck.fsck,
    "audit explain": audit_explain.explain,
    "witness init": witness_init.init,
    "witness add-log": witness_add_log.add_log,
    "witness serve": witness_serve.serve,
}
"""The commands, in the order in which a person meets them; a name of two words is one of a group."""
FIRST = frozenset(name.split()[0] for name in COMMANDS)
GROUPS = frozenset(name.split()[0] for name in COMMANDS if " " in name)
"""Commands that are followed by another word."""


def _group(key: str) -> typer.Typer:
    group = typer.Typer(
        add_completion=False,
        help=help_text(key),
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    group.callback()(_nothing)
    return group


def _nothing() -> None:
    """A group with one command stays a group."""


def build(first: str | None = None) -> typer.Typer:
    """The program with all its commands, or with those of one first word: reading the options of all takes a tenth of a second."""
    app, groups = _group("program"), dict[str, typer.Typer]()
    for name, function in COMMANDS.items():
        word, _, second = name.partition(" ")
        if first not in (None, word):
            continue
        explained = help_text(name.replace(" ", "_").replace("-", "_"))
        if not second:
            app.command(name, help=explained)(function)
            continue
        if word not in groups:
            groups[word] = _group(word)
            app.add_typer(groups[word], name=word, help=help_text(word))
        groups[word].command(second, help=explained)(function)
    return app


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    asked = list(sys.argv[1:] if arguments is None else arguments)
    given = _language_last(asked)
    first = next(iter(given), None)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name outside the terminal's alphabet must not stop the listing
            stream.reconfigure(errors="backslashreplace")
    terminal = Terminal(process_language(asked), as_json="--json" in given)
    try:
        command = _speaking(get_command(build(first if first in FIRST else None)), terminal.language)
        status = command.main(args=given, prog_name=PROGRAM, standalone_mode=False)
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


def _speaking(command: Any, language: Language) -> Any:
    """The program, with the help pages of all its commands in this language."""
    if language == "de":
        plain = command.context_class
        german = type("German", (plain,), {"formatter_class": formatter(plain.formatter_class)})
        spoken = [command]
        for each in spoken:
            each.context_class = german
            spoken += getattr(each, "commands", {}).values()
    return command


def _language_last(given: list[str]) -> list[str]:
    """``exchange --lang en inbox`` reads as ``exchange inbox --lang en``: every command has the option, the program has none."""
    if "--lang" not in given:
        return given
    place = given.index("--lang")
    language, rest = given[place : place + 2], given[:place] + given[place + 2 :]
    words = [word for word in rest if not word.startswith("-")]
    if not words or (len(words) == 1 and words[0] in GROUPS):
        return rest
    return [*rest, *language] if place == 0 else given


def _usage(terminal: Terminal, error: typer.TyperException, given: Sequence[str]) -> int:
    message = error.format_message()
    if not given or message.startswith("Usage:"):  # nothing asked for: the help is the answer
        print(message, file=sys.stderr)
        return USAGE
    terminal.fail("usage_wrong", reason=in_words(message, terminal.language), code="usage")
    context = getattr(error, "ctx", None)
    terminal.hint("hint_help", command=PROGRAM if context is None else context.command_path)
    return int(error.exit_code)


def main() -> None:
    """The console script."""
    # Loading modules makes many objects and no garbage: looking for it as often as usual is a seventh of a command's start.
    gc.set_threshold(100_000, 20, 20)
    sys.exit(run())


if __name__ == "__main__":
    main()
