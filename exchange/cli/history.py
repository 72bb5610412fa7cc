"""``exchange history``: seal what was received again for a new device of one's own, or of a colleague."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from exchange.cli.options import HomeOption, JsonOption, LangOption, PassphraseOption, YesOption, chosen
from exchange.cli.terminal import USAGE, CommandError, Terminal
from exchange.cli.texts import help_text

if TYPE_CHECKING:
    from exchange.client.share import Given


def history(
    device: Annotated[str, typer.Argument(metavar="DEVICE", help=help_text("arg_device"))],
    yes: YesOption = False,
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Everything that the rules allow and that is still valid; never TLP:RED. What stays behind is counted, with the reason."""
    import asyncio

    from exchange.cli.member import opened
    from exchange.cli.revoke import find_device
    from exchange.cli.share import reason
    from exchange.client.share import history as seal_again
    from exchange.client.share import history_of
    from exchange.policy.rules import Decision

    terminal = Terminal(chosen(lang), as_json=json, home=home)

    async def work() -> None:
        async with opened(terminal, passphrase_file) as member:
            found = find_device(member, device)
            if found.id == member.home.membership.device:
                raise CommandError("history_here", status=USAGE)
            names = {"device": member.names.of(found.id), "name": member.names.of(found.person)}
            todo, left = history_of(member.client, found.id)
            given: list[Given] = []
            if todo:
                terminal.confirm("ask_history", yes=yes, number=len(todo), **names)
                with terminal.progress("progress_history", len(todo)) as update:
                    given, left = await seal_again(member.client, found.id, lambda done, of: update(done, total=of))
            terminal.say("history_done", number=len(given), **names)
            if json:
                terminal.json(
                    {
                        "given": [{"alert": g.alert, "statement": g.statement} for g in given],
                        "left": [{"alert": m.alert, "code": m.decision.code, "rule": m.decision.rule} for m in left],
                    }
                )
            if left:
                terminal.say("history_left", number=len(left))
                counted: Counter[Decision] = Counter(Decision(False, m.decision.rule, m.decision.code) for m in left)
                for decision, number in counted.most_common():
                    terminal.say_line(f"  {number}  {reason(terminal, decision)} ({decision.rule or decision.code})")

    asyncio.run(work())
