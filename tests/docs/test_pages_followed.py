"""The pages of docs/using, followed as they stand there, in a fresh folder, with a real server process.

Each ``sh`` block is run line by line, in the order of its page; what one person sends another is copied, as a mail would
carry it. Only ids, addresses and what stands for them are replaced (``Follower.words``). A block under a comment ``not run``
is counted and left out. Yes is given by ``--yes``; besides it, home and passphrase nothing is added.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from exchange.audit.bundle import AuditBundle
from exchange.audit.seek import Seeker
from keys import __main__ as keys_command
from keys.encoding import encode
from keys.keyfile import read_secret
from keys.registrar import SigningFile, body_of, decode_registrar, encode_public
from keys.sign import SoftwareSigner
from tests.cli.flow import PASSPHRASE, Office, Ran, exchange, served
from tests.docs.test_docs import DOCS, commands
from tests.support.witnesses import WitnessKey

pytestmark = pytest.mark.timeout(400)
FOLLOWED = ("officer", "author", "approver", "administrator", "registrar", "registry-office", "auditor", "operator")
"""The visitor's page is followed in tests/cli/test_clear_check.py, that of a witness in tests/cli/test_mirror_flow.py."""
NOT_RUN = 6
"""Blocks that end only when somebody ends them: `watch`, `audit watch`, and `serve`, which runs as the test's server; and three
that take an exchange that lies."""
BLOCK = re.compile(r"^(<!-- not run: \S[^\n]* -->\n)?```sh\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)
NUMBER = "LKA-2026-0042"
PARTNERSHIP = """
[exchange]
origin = "exchange.example"
title = "Muster"
threshold = 2

[[registrar]]
name = "Anna"

[terms]
file = "terms.md"
version = 1
accept_within = "30d"
"""
ORGANISATIONS = (
    ("Polizei Muster", "authority", "730d", [], [
        ("wirth", "Sabine Wirth", ["administrator"], []), ("winter", "Paul Winter", ["administrator"], []),
        ("karl", "Karl Autor", ["author", "officer"], ["it"]), ("vera", "Vera Frei", ["approver"], []),
        ("ina", "Ina Prüfer", ["auditor"], []),
    ]),
    ("Muster GmbH", "company", "730d", ["energy"], [
        ("nora", "Nora Amt", ["administrator"], []), ("otto", "Otto Amt", ["administrator"], []),
        ("gross", "Anneliese Groß", ["officer"], ["fraud"]), ("kurt", "Kurt Kurz", ["officer"], ["it"]),
    ]),
    ("Stadtwerke Muster", "company", "50d", ["water"], [("stadt", "Stefan Stadt", ["administrator"], [])]),
    ("Beispiel KG", "company", "365d", ["crafts"], [("bea", "Bea Beispiel", ["administrator"], [])]),
)  # fmt: skip
ENROLLED = ("wirth", "winter", "karl", "vera", "ina", "nora", "otto", "gross")
HEAD = """+++
title = "{title}"
language = "de"
kind = "{kind}"
urgency = "expected"
severity = "severe"
certainty = "observed"
valid_for = "14d"
{more}
+++

Seit heute Morgen gehen gefälschte Schreiben ein.
"""
FIRST = """number = "{number}"
label = "GREEN"
exercise = {exercise}
{more}
[audience]
{audience}"""
DRILL = """title = "Übung"

[[step]]
after = "0s"
source = "uebung.md"
"""


def blocks(page: str) -> list[str | None]:
    """The blocks of a page in order; None for one that is not run."""
    found = BLOCK.findall((DOCS / "using" / f"{page}.md").read_text(encoding="utf-8"))
    return [None if marked else block for marked, block in found]


@dataclass
class Follower:
    """The folder in which everybody sits, everybody's home beside it, and how far each page was followed."""

    office: Office
    url: str = ""
    waiting: dict[str, list[str | None]] = field(default_factory=lambda: {page: blocks(page) for page in FOLLOWED})
    words: dict[str, str] = field(default_factory=dict)
    signers: list[SoftwareSigner] = field(default_factory=list)
    out: str = ""

    def follow(self, page: str, who: str = "", *, post: bool = False, **words: str) -> None:
        """Run the next block of a page at somebody's home; ``post``: what it writes for the registrars is signed and posted."""
        block = self.waiting[page].pop(0)
        assert block is not None, f"{page}: not to be run"
        for line in block.splitlines():
            before = set(Path().glob("*.json"))
            self.line(line, who, words)
            for path in sorted(set(Path().glob("*.json")) - before) if post else ():
                self.sign(path)
                exchange("admit", path, "--url", self.url)

    def line(self, line: str, who: str, words: dict[str, str]) -> None:
        """One line, in a shell's words."""
        call = [self.word(word, words) for word in shlex.split(line, comments=True)]
        target = Path(call[call.index(">") + 1]) if ">" in call else None
        call = call[: call.index(">")] if target else call
        globbed = [sorted(str(path) for path in Path().glob(word)) if "*" in word else [word] for word in call]
        program, *arguments = [word for found in globbed for word in found]
        if program == "exchange":
            ran = self.exchange(who, arguments)
        elif program == "python":
            ran = self.keys(arguments)
        else:
            assert (program, len(arguments)) == ("cp", 2), line
            shutil.copy(*arguments)
            return
        assert ran.status == 0, f"{line}: {ran}"
        self.out = ran.out
        if target:
            target.write_text(ran.out, encoding="utf-8")

    def word(self, word: str, words: dict[str, str]) -> str:
        """A word with what is replaced in it; ``ID`` only as a whole word."""
        for known, put in (self.words | words).items():
            word = put if word == known else word if known == "ID" else word.replace(known, put)
        return word

    def exchange(self, who: str, arguments: list[str]) -> Ran:
        name = " ".join(arguments[:2])
        options = commands()[name if name in commands() else arguments[0]]
        more: list[str | Path] = ["--yes"] if "--yes" in options else []
        if "--home" in options and who:
            more += ["--home", self.office.home(who), "--passphrase-file", self.office.passphrase]
        return exchange(*arguments, *more, check=False)

    def keys(self, arguments: list[str]) -> Ran:
        assert arguments[:2] == ["-m", "keys"]
        more = ["--passphrase-file", str(self.office.passphrase)] if arguments[2] in ("new", "sign") else []
        more += ["--yes"] if arguments[2] == "sign" else []
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = keys_command.main([*arguments[2:], *more])
        return Ran(status, out.getvalue(), err.getvalue())

    def sign(self, path: Path, *, after_anna: bool = False) -> None:
        """The registrars sign: the one in whose name it was prepared, and another one; Anna may have done so before."""
        file = SigningFile.load(path.read_bytes())
        issuer = body_of(file.items[0])["issuer"]["registrar"]
        first = next(signer for signer in self.signers if signer.public.key_id == issuer)
        done = [self.signers[0]] if after_anna else []
        for signer in [first, *self.signers]:
            if signer not in done and len(done) < 2:
                file, done = file.sign(signer, int(time.time())), [*done, signer]
        path.write_bytes(file.save())

    def join(self, who: str) -> Path:
        """Somebody joins as on the officer's page; the request, as sent."""
        self.office.member(who, "join", Path("begin") / f"invitation-{who}.txt", "--label", f"PC {who}")
        return self.office.request(who)

    def published(self, name: str, number: str, audience: str, more: str = "") -> str:
        """The author publishes one more; its statement id."""
        source(name, number, audience, more)
        return str(self.office.member("karl", "publish", f"{name}.md", "--yes", "--json").json["statement"])


def source(name: str, number: str, audience: str, more: str = "", exercise: bool = False) -> None:
    front = FIRST.format(number=number, audience=audience, more=more, exercise=str(exercise).lower())
    Path(f"{name}.md").write_text(HEAD.format(title="Kammerbriefe", kind="incident.it", more=front), encoding="utf-8")


def partnership() -> str:
    text = PARTNERSHIP
    for number, (name, kind, term, sectors, people) in enumerate(ORGANISATIONS):
        text += f'\n[[organisation]]\nhandle = "o{number}"\nname = "{name}"\nkind = "{kind}"\n'
        text += f'sectors = {json.dumps(sectors)}\nareas = ["05113000"]\nexpires_in = "{term}"\n'
        for handle, person, roles, topics in people:
            text += f'\n[[organisation.person]]\nhandle = "{handle}"\nname = "{person}"\n'
            text += f"roles = {json.dumps(roles)}\ntopics = {json.dumps(topics)}\n"
    return text


@contextlib.contextmanager
def begun(folder: Path) -> Iterator[Follower]:
    """Registrar, operator and registry office, each on day one: the partnership stands, and its devices are enrolled."""
    office = Office(folder)
    (folder / "passphrase").write_text(PASSPHRASE)
    (folder / "passphrase").chmod(0o600)
    Path("config.toml").write_text(
        f'[server]\nport = 0\ndata = "{folder / "server"}"\nhead_file = "{folder / "head" / "head"}"\n'
    )
    shutil.copy("config.toml", folder / "config.toml")
    Path("terms.md").write_text("Arbeitsordnung\n")
    Path("partnership.toml").write_text(partnership(), encoding="utf-8")
    book = Follower(office)
    book.follow("registrar")
    book.signers = [decode_registrar(read_secret("anna.key", PASSPHRASE.strip()).secret)]
    for name in ("ben", "cem"):
        book.signers.append(SoftwareSigner.generate())
        Path(f"{name}.pub").write_bytes(encode_public(book.signers[-1].public))
    book.follow("operator")
    book.words["ID"] = book.out.strip()
    assert book.waiting["operator"].pop(0) is None
    with served(office) as url:
        book.url = url
        book.words |= {"https://exchange.example": url, "http://127.0.0.1:8420": url}
        book.follow("registrar")
        book.sign(Path("founding.json"), after_anna=True)
        book.follow("operator")
        book.follow("registry-office")
        shutil.copy("begin/registry.json", "registry.json")
        book.follow("registrar")
        book.sign(Path("registry.json"), after_anna=True)
        shutil.copy("registry.json", "begin/registry.json")
        book.follow("registry-office")
        Path("requests").mkdir()
        for who in ENROLLED:
            shutil.copy(book.join(who), f"requests/{who}.json")
        book.follow("registry-office")
        book.sign(Path("devices.json"))
        book.follow("registry-office")
        book.follow("registry-office", "wirth")
        office.member("wirth", "terms", "accept", "--yes")
        yield book


def test_the_pages_are_followed_as_they_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    with begun(tmp_path) as book:
        member = book.office.member
        # Day one of Erika Muster, whom her administrator invites.
        book.follow("administrator", "nora")
        book.follow("officer", "erika")
        shutil.copy(book.office.request("erika"), "device-request.json")
        book.follow("administrator", "nora")
        for who in ("karl", "vera", "gross"):
            member(who, "inbox")
        book.follow("officer", "erika")
        # A warning, its answers, a question, later versions.
        source("meldung", NUMBER, 'sectors = ["energy"]\ntopics = ["it"]')
        book.follow("author", "karl")
        first = re.findall(r"[0-9a-f]{64}", book.out)[-1][:12]
        member("erika", "inbox")
        assert book.waiting["officer"].pop(0) is None
        for _ in range(3):
            book.follow("officer", "erika", **{"1f3a": first})
        named = member("erika", "share", first, "--who", "--json").out
        assert "Vera Frei" in named, "an open organisation's approver"
        assert "Stefan Stadt" not in named, "TLP:GREEN allows it, and an officer is not shown other members (soundness)"
        book.follow("author", "karl", **{"1f3a": first})
        question = member("karl", "questions", "--json").json["questions"][0]["statement"]
        book.follow("author", "karl", **{"7c20": question[:12]})
        book.follow("officer", "erika")
        assert "granted" in book.out and "Ja, diese Person." in book.out
        for name, kind in (("neu", "incident.it"), ("entwarnung", "all-clear")):
            text = HEAD.format(title="Mehr", kind=kind, more='changed = "Zwei weitere Absender."')
            Path(f"{name}.md").write_text(text, encoding="utf-8")
        book.follow("author", "karl")
        member("erika", "inbox")
        book.follow("officer", "erika", **{"1f3a": first})
        # Four eyes.
        more = 'approvers = ["Vera Frei"]'
        yes, no = (book.published(name, name, "everyone = true", more)[:12] for name in ("A-1", "A-2"))
        book.follow("approver", "vera", **{"1f3a": yes})
        book.follow("approver", "vera", **{"1f3a": no})
        source("uebung", "U-1", 'sectors = ["energy"]', exercise=True)
        Path("uebung.toml").write_text(DRILL, encoding="utf-8")
        book.follow("author", "karl")
        # Away, a second device, and it is lost.
        member("erika", "inbox")
        book.follow("officer", "erika")
        book.follow("officer", "laptop")
        member("nora", "admit", book.office.request("laptop"), "--yes")
        member("laptop", "inbox")
        book.follow("officer", "erika")
        assert "A-1" in member("laptop", "inbox").out
        book.follow("officer", "erika")
        assert book.waiting["officer"].pop(0) is None
        book.follow("officer", "erika")
        book.follow("auditor", "ina")
        book.follow("auditor", "ina")
        book.follow("auditor")
        released = Seeker(AuditBundle(Path("audit-2026-11"))).of_kind("alert.released")
        book.follow("auditor", **{"4711": str(released[-1][0]), "Dr. Muster": "Karl Autor"})
        # Two administrators, notices, changes, a lost device, somebody leaves.
        book.follow("administrator", "wirth")
        book.follow("administrator", "winter")
        book.follow("administrator", "nora")
        member("lost", "join", "invitation.txt", "--label", "Laptop Muster")
        member("nora", "admit", book.office.request("lost"), "--yes")
        book.follow("administrator", "nora")
        book.follow("administrator", "nora")
        assert member("erika", "inbox", check=False).status == 1
        book.follow("administrator", "nora")
        # What the registrars sign.
        Path("arbeitsordnung-2.md").write_text("Arbeitsordnung, neue Fassung\n")
        for _ in range(3):
            book.follow("registry-office", "wirth", post=True)
        # Prepared and not posted: nobody here is a witness, and publishers would wait for them.
        for letter in "ab":
            key = WitnessKey(f"{letter}.example", letter.encode() * 32, letter.upper().encode() * 32)
            Path(f"witness-{letter}.json").write_bytes(encode(key.card()) + b"\n")
        book.follow("registry-office", "wirth")
        assert Path("witnesses.json").exists()
        book.follow("registry-office", "wirth")
        book.follow("administrator", "wirth")
        book.follow("administrator", "nora")
        book.follow("administrator", "otto")
        book.follow("registry-office", "wirth", post=True)
        book.follow("registry-office", "wirth", post=True)
        # The registrars change: Dora for Cem.
        book.follow("registrar")
        book.follow("registry-office", "wirth")
        rotation = str(book.waiting["registrar"][0])
        book.follow("registrar")
        book.line(rotation.replace("anna.key", "dora.key"), "", {})
        file = SigningFile.load(Path("rotate.json").read_bytes())
        Path("rotate.json").write_bytes(file.sign(book.signers[1], int(time.time())).save())
        book.follow("registry-office")
        book.follow("auditor", "ina")
        book.follow("auditor", "ina", **{"1f3a9c02": first})
        book.follow("operator")
        assert [book.waiting["auditor"].pop(0) for _ in range(3)] == [None, None, None]
    assert not any(book.waiting.values()), "every block was followed"


def test_few_blocks_are_not_run() -> None:
    assert sum(block is None for page in FOLLOWED for block in blocks(page)) == NOT_RUN


def test_every_page_is_followed_here_or_by_visitor_and_witness() -> None:
    assert {page.stem for page in (DOCS / "using").glob("*.md")} == {*FOLLOWED, "index", "visitor", "witness"}
