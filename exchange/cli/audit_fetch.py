"""``exchange audit fetch``: both logs and their statements, brought into the auditor's own copy (``docs/spec/audit.md``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exchange.cli.options import HomeOption, JsonOption, LangOption, PassphraseOption, chosen
from exchange.cli.terminal import CommandError, Terminal

if TYPE_CHECKING:
    from exchange.cli.member import Member


def fetch(
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Bring what is missing. Exit status 1 when what the exchange shows does not verify; it may be interrupted at any time."""
    import asyncio

    from exchange.audit.fetch import fetch as bring
    from exchange.audit.fetch import open_copy
    from exchange.cli.member import opened
    from exchange.client.errors import Refused

    terminal = Terminal(chosen(lang), as_json=json, home=home)

    async def work() -> None:
        # Nothing but the logs: an auditor's round sends no receipt and publishes no key.
        async with opened(terminal, passphrase_file, offline=True) as member:
            with open_copy(member.client) as copy, terminal.progress("progress_fetch") as update:
                try:
                    made = await bring(
                        member.client, copy, progress=lambda step, done, total: update(done, total=total)
                    )
                except Refused as refusal:
                    raise not_enrolled(member, refusal) from None
            terminal.say(
                "audit_fetched",
                registry=made.registry,
                journal=made.journal,
                statements=made.statements,
                leaves=made.leaves,
            )
            terminal.hint("hint_audit_offline")
            if json:
                terminal.json(
                    {
                        "erased": made.erased,
                        "journal": made.journal,
                        "leaves": made.leaves,
                        "registry": made.registry,
                        "statements": made.statements,
                    }
                )

    asyncio.run(work())


def not_enrolled(member: Member, refusal: Exception) -> Exception:
    """The refusal of a session in words, when it says that nobody has enrolled this device yet; any other as it is."""
    from exchange.cli.member import NOT_ENROLLED

    unknown = getattr(refusal, "code", None) in NOT_ENROLLED and member.client.replica.person is None
    return CommandError("not_enrolled", hints=("hint_not_enrolled",)) if unknown else refusal
