"""``exchange rotate``: prepare a change of the registrars; they sign it offline, the new ones too (TUF's root rule)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from exchange.cli.options import (
    HomeOption,
    JsonOption,
    LangOption,
    PassphraseOption,
    RegistrarOption,
    chosen,
)
from exchange.cli.terminal import USAGE, CommandError, Terminal, write_new
from exchange.cli.texts import help_text


def rotate(
    add: Annotated[list[Path] | None, typer.Option("--add", metavar="D.pub", help=help_text("opt_rotate_add"))] = None,
    drop: Annotated[
        list[str] | None, typer.Option("--drop", metavar="C.pub|KEYID", help=help_text("opt_rotate_drop"))
    ] = None,
    threshold: Annotated[int | None, typer.Option("--threshold", metavar="N", help=help_text("opt_threshold"))] = None,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help=help_text("opt_out"))] = Path("rotate.json"),
    registrar: RegistrarOption = None,
    passphrase_file: PassphraseOption = None,
    home: HomeOption = None,
    lang: LangOption = None,
    json: JsonOption = False,
) -> None:
    """Write a signing file that changes the registrars, and say who must sign it."""
    import asyncio
    from os import urandom

    from exchange.cli.connect import preparation, registrar_issuer, registrar_key
    from exchange.cli.member import opened
    from exchange.client.enrol import registrars_of
    from keys.encoding import fingerprint, unhex32
    from keys.registrar import SigningFile, SigningItem
    from keys.rotation import Registrars, lacking

    terminal = Terminal(chosen(lang), as_json=json, home=home)
    coming = [registrar_key(path) for path in add or ()]
    if not coming and not drop and threshold is None:
        raise CommandError("rotate_what", status=USAGE)

    async def work() -> None:
        async with opened(terminal, passphrase_file) as member:
            before = registrars_of(member.facts)
            going = {_named(word, before) for word in drop or ()}
            keys = {key_id: key for key_id, key in before.keys.items() if key_id not in going}
            keys |= {key.key_id: key for key in coming}
            needed = before.threshold if threshold is None else threshold
            if not 2 <= needed <= len(keys) <= 9:
                raise CommandError("rotate_number", threshold=needed, number=len(keys))
            stays = Registrars({k: v for k, v in before.keys.items() if k not in going}, before.threshold)
            issuer = registrar_issuer(stays if registrar is None and stays.keys else before, registrar)
            envelope = preparation(member.home.membership.exchange, member.seen, issuer, urandom).statement(
                "registrar.rotate",
                previous=before.statement,
                registrars=[keys[key_id].to_json() for key_id in sorted(keys)],
                threshold=needed,
            )
            item = SigningItem(envelope)
            for word, chosen_keys in (
                ("rotate_stays", sorted(before.keys.keys() & keys.keys())),
                ("rotate_goes", sorted(going)),
                ("rotate_comes", sorted(keys.keys() - before.keys.keys())),
            ):
                for key_id in chosen_keys:
                    terminal.say(word, registrar=key_id)
                    terminal.say_line(f"    {fingerprint(unhex32(key_id))}")
            write_new(out, SigningFile(member.home.membership.exchange, (item,)).save())
            terminal.say("carry_registrars", file=out)
            missing = lacking(before, item)
            terminal.say(
                "rotate_signers",
                old=missing.old,
                all=len(before.keys),
                new=missing.new,
                comes=len(missing.newcomers),
                first=issuer["registrar"][:16],
            )
            terminal.hint("hint_rotate", file=out, url=member.home.membership.url)
            if json:
                terminal.json({"file": str(out), "statements": [envelope.statement_id]})
            else:
                terminal.data(out)

    def _named(word: str, before: Registrars) -> str:
        """A registrar in force by public key file, or by the beginning of the key id (the file may be lost, too)."""
        path = Path(word)
        key_id = registrar_key(path).key_id if path.exists() else word
        found = [known for known in before.keys if known.startswith(key_id)]
        if len(found) != 1 or len(key_id) < 8:
            raise CommandError("not_a_registrar", file=word)
        return found[0]

    asyncio.run(work())
