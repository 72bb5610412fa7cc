"""A warning from preview to read receipt on the command line: real server process, real homes, every label's screen."""

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from exchange.client.home import read_membership
from exchange.model.tlp import Label
from tests.cli.flow import ROOT, Office, begin, enrol, environment, exchange, found, served
from tests.content.test_stix_bundle import bundle, definition, indicator

pytestmark = pytest.mark.timeout(240)

HEAD = """+++
title = "{title}"
language = "de"
number = "{number}"
label = "{label}"
kind = "incident.it"
urgency = "{urgency}"
severity = "severe"
certainty = "observed"
valid_for = "14d"
{more}
[audience]
{audience}
+++

Seit heute Morgen gehen gefälschte Schreiben ein.

## Was ist zu tun

- Nicht antworten.
"""


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A partnership with author, approver, two officers; terms accepted, keys published."""
    office = found(tmp_path_factory.mktemp("alerts"))
    with served(office) as url:
        registry = begin(office, url)
        enrol(office, registry, "wirth", "vogt", "brandt", "aydin", "gross")
        office.member("wirth", "terms", "accept", "--yes")
        office.member("aydin", "terms", "accept", "--yes")
        for handle in ("vogt", "brandt", "aydin", "gross"):
            office.member(handle, "inbox")
        yield office


def source(
    office: Office, number: str, *, label: str = "AMBER", audience: str = 'sectors = ["health"]', more: str = "",
    urgency: str = "expected", title: str = "Gefälschte Kammerbriefe",
) -> Path:  # fmt: skip
    """A source file."""
    path = office.folder / f"{number}.md"
    path.write_text(
        HEAD.format(title=title, number=number, label=label, audience=audience, more=more, urgency=urgency),
        encoding="utf-8",
    )
    return path


def test_preview_names_who_receives_it_and_who_does_not_and_why(office: Office) -> None:
    table = office.member("brandt", "preview", source(office, "P-1", audience='topics = ["fraud"]'), "--json").json
    receives = {row["name"]: row["rule"] for row in table["receives"]}
    assert receives == {"Katharina Brandt": "R2", "Anneliese Groß": "R5"}
    left = {row["name"]: (row["rule"], row["code"]) for row in table["left_out"]}
    assert left["Miriam Aydın"] == ("R5", "topic-missing")
    assert left["Henning Vogt"] == ("R5", "not-officer")
    shown = office.member("brandt", "preview", source(office, "P-2", audience='topics = ["fraud"]'))
    assert shown.out.startswith("TLP:AMBER\nGefälschte Kammerbriefe\n")
    assert "the person has none of the topics named (fraud)" in shown.out
    assert "no approval needed" in shown.out


def test_preview_in_german_reads_german(office: Office) -> None:
    path = source(office, "P-3")
    shown = exchange(
        "preview", path, "--home", office.home("brandt"), "--passphrase-file", office.passphrase, lang="de"
    )
    assert "Branche, Gebiet und Thema treffen zu" in shown.out and "gültig bis" in shown.out
    assert " Uhr" in shown.out


def test_a_refused_alert_says_the_rule_and_exits_with_1(office: Office) -> None:
    path = source(office, "P-4", audience='topics = ["nothing"]')
    for command in ("preview", "publish"):
        refused = office.member("brandt", command, path, "--yes" if command == "publish" else "--json", check=False)
        assert refused.status == 1 and "(R9)" in refused.err and "nobody besides" in refused.err


def test_a_source_with_a_mistake_is_named(office: Office) -> None:
    path = source(office, "P-5", more='valid_form = "x"')
    refused = office.member("brandt", "preview", path, check=False)
    assert refused.status == 1 and "valid_form" in refused.err


def test_only_an_author_publishes(office: Office) -> None:
    refused = office.member("aydin", "publish", source(office, "P-6"), "--yes", check=False)
    assert refused.status == 1 and "role author" in refused.err


def test_nothing_is_published_without_a_yes(office: Office) -> None:
    refused = office.member("brandt", "publish", source(office, "P-7"), check=False)
    assert refused.status == 2 and "hint: confirm with --yes" in refused.err
    assert "P-7" not in json.dumps(office.member("aydin", "inbox", "--json").json)


def test_an_alert_is_published_listed_read_and_acknowledged(office: Office) -> None:
    published = office.member("brandt", "publish", source(office, "A-1"), "--yes", "--json").json
    assert published["released"] is True
    listed = office.member("aydin", "inbox")
    row = next(line for line in listed.out.splitlines() if "A-1" in line)
    assert row.startswith("*") and "TLP:AMBER" in row and "Polizeidirektion Rhein-Ruhr, Katharina Brandt" in row
    assert "incident (IT)" in row and "Gefälschte Kammerbriefe" in row
    assert "you have" in listed.err and "unread" in listed.err
    read = office.member("aydin", "read", "A-1")
    lines = [line for line in read.out.splitlines() if line]
    assert lines[0] == lines[-1] == "TLP:AMBER"
    place = lines.index("Seit heute Morgen gehen gefälschte Schreiben ein.")
    assert lines[place - 1] == "TLP:AMBER", "the label stands directly before the text it covers"
    assert "Was ist zu tun" in lines
    assert "the sender learns: Klinikum Ruhraue gGmbH" in read.err
    again = office.member("aydin", "ack", "a-1")
    assert "confirmed before" in again.err
    assert not [
        line for line in office.member("aydin", "inbox").out.splitlines() if line.startswith("*") and "A-1" in line
    ]
    one = office.member("aydin", "read", published["statement"][:12], "--json").json
    assert one["read"] is True and one["content"]["number"] == "A-1"


def test_who_is_not_addressed_has_nothing_and_a_complete_count(office: Office) -> None:
    office.member("brandt", "publish", source(office, "A-2", audience='topics = ["fraud"]'), "--yes")
    inbox = office.member("aydin", "inbox", "--json").json
    assert "A-2" not in {alert["content"].get("number") for alert in inbox["alerts"]}
    assert inbox["have"] == inbox["all"] and inbox["failures"] == []


def test_red_takes_two_persons_and_names_the_reader(office: Office) -> None:
    path = source(
        office, "A-3", label="RED", audience='persons = ["Miriam Aydın"]', more='approvers = ["Henning Vogt"]'
    )
    proposed = office.member("brandt", "publish", path, "--yes", "--json")
    assert proposed.json["released"] is False and "Henning Vogt" in proposed.err
    assert "A-3" not in {a["content"].get("number") for a in office.member("aydin", "inbox", "--json").json["alerts"]}
    waiting = office.member("vogt", "approve")
    assert "A-3" in waiting.out and "waiting for your approval: 1" in waiting.err
    unsure = office.member("vogt", "approve", "A-3", check=False)
    assert unsure.status == 2 and "Miriam Aydın" in unsure.out
    approved = office.member("vogt", "approve", "A-3", "--yes")
    assert "approved and published" in approved.err
    assert "no alert waits" in office.member("vogt", "approve").err
    read = office.member("aydin", "read", "A-3")
    assert read.out.startswith("TLP:RED\n") and "approved by" in read.out
    assert "Miriam Aydın in person, because of TLP:RED" in read.err


def test_a_rejected_proposal_reaches_nobody(office: Office) -> None:
    path = source(
        office, "A-4", label="RED", audience='persons = ["Miriam Aydın"]', more='approvers = ["Henning Vogt"]'
    )
    office.member("brandt", "publish", path, "--yes")
    wrong = office.member("vogt", "approve", "A-4", "--reject", "boring", check=False)
    assert wrong.status == 2
    office.member("vogt", "approve", "A-4", "--reject", "audience")
    assert "no alert waits" in office.member("vogt", "approve").err
    gone = office.member("aydin", "read", "A-4", check=False)
    assert gone.status == 1 and "hint:" in gone.err


def test_an_exercise_says_so_on_every_screen(office: Office) -> None:
    path = source(office, "A-5", more="exercise = true")
    assert "EXERCISE – EXERCISE" in office.member("brandt", "preview", path).out
    office.member("brandt", "publish", path, "--yes")
    row = next(line for line in office.member("aydin", "inbox").out.splitlines() if "A-5" in line)
    assert "EXERCISE" in row
    read = office.member("aydin", "read", "A-5")
    assert read.out.count("EXERCISE – EXERCISE – EXERCISE") == 3
    german = exchange("read", "A-5", "--home", office.home("aydin"), "--passphrase-file", office.passphrase, lang="de")
    assert "ÜBUNG – ÜBUNG – ÜBUNG" in german.out


def test_attachments_are_saved_under_their_own_names_and_never_overwrite(office: Office) -> None:
    (office.folder / "lage.pdf").write_bytes(b"%PDF-1.7 example")
    office.member("brandt", "publish", source(office, "A-6", more='attachments = ["lage.pdf"]'), "--yes")
    office.member("aydin", "inbox")
    folder = office.folder / "saved"
    read = office.member("aydin", "read", "A-6", "--save", folder)
    assert (folder / "lage.pdf").read_bytes() == b"%PDF-1.7 example" and "lage.pdf (16 B)" in read.out
    again = office.member("aydin", "read", "A-6", "--save", folder, check=False)
    assert again.status == 1 and "not overwritten" in again.err


def test_i10_a_title_cannot_act_on_the_terminal(office: Office) -> None:
    path = source(office, "A-7", title="Rechnung \\u202Egpj.exe")
    shown = office.member("brandt", "preview", path, check=False)
    assert "\u202e" not in shown.out + shown.err
    if shown.status == 0:
        assert "<U+202E>" in shown.out


def test_clear_is_public_and_takes_no_receipt(office: Office) -> None:
    path = source(office, "A-8", label="CLEAR", audience="", more='approvers = ["Henning Vogt"]')
    text = path.read_text().replace("[audience]\n", "")
    path.write_text(text)
    assert "becomes public" in office.member("brandt", "preview", path).out
    office.member("brandt", "publish", path, "--yes")
    office.member("vogt", "approve", "A-8", "--yes")
    office.member("gross", "inbox")
    read = office.member("gross", "read", "A-8")
    assert read.out.startswith("TLP:CLEAR\n") and "the sender learns" not in read.err
    refused = office.member("gross", "ack", "A-8", check=False)
    assert refused.status == 1


def test_watch_prints_what_arrives_and_the_fixed_words(office: Office) -> None:
    home, passphrase = office.home("gross"), office.passphrase
    command = [sys.executable, "-m", "exchange.cli", "watch", "--home", str(home), "--passphrase-file", str(passphrase)]
    with subprocess.Popen(
        [*command, "--count", "1", "--lang", "de"], cwd=ROOT, env=environment(), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        assert "warte" in process.stderr.readline()
        office.member("brandt", "publish", source(office, "A-9", audience='topics = ["fraud"]'), "--yes")
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert out.startswith("Neue Meldung TLP:AMBER") and "Gefälschte Kammerbriefe" in out


def test_the_inbox_stays_readable_when_the_exchange_is_away(office: Office) -> None:
    membership = office.home("gross") / "membership.json"
    before = membership.read_bytes()
    url = read_membership(office.home("gross")).url
    try:
        membership.write_bytes(before.replace(url.encode(), b"http://127.0.0.1:9"))
        shown = office.member("gross", "inbox")
        assert "offline" in shown.err and "you have" in shown.err
        refused = office.member("gross", "ack", "A-2", check=False)
        assert refused.status == 1 and "[unreachable]" in refused.err
    finally:
        membership.write_bytes(before)


def test_a_lost_pipe_is_no_traceback(office: Office) -> None:
    command = [sys.executable, "-m", "exchange.cli", "inbox", "--json", "--home", str(office.home("aydin"))]
    process = subprocess.Popen(
        [*command, "--passphrase-file", str(office.passphrase)], cwd=ROOT, env=environment(), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert isinstance(process.stdout, io.TextIOBase) and process.stderr is not None
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    process.wait(timeout=60)
    assert "Traceback" not in err and "Exception" not in err


def test_a_picture_two_languages_and_a_stix_bundle_from_file_to_file(office: Office, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8825).update({1: "N", 2: (51.0, 27.0, 26.0)})
    Image.new("RGB", (30, 20), "red").save(office.folder / "foto.jpg", exif=exif)
    data = bundle(definition(Label.AMBER), indicator(Label.AMBER))
    (office.folder / "daten.json").write_bytes(data)
    more = (
        'attachments = ["foto.jpg"]\nstix = "daten.json"\ntranslation = { language = "en", title = "Forged letters" }'
    )
    path = source(office, "C-1", more=more)
    path.write_text(path.read_text(encoding="utf-8") + "\n+++ en\nForged **letters** arrive.\n", encoding="utf-8")
    shown = office.member("brandt", "preview", path).out
    assert "[de] Gefälschte Kammerbriefe\n[en] Forged letters" in shown
    assert "foto.jpg: removed: GPS position" in shown and "1 objects, marked TLP:AMBER" in shown
    office.member("brandt", "publish", path, "--yes")
    read = exchange(
        "read", "C-1", "--save", tmp_path / "a", "--home", office.home("aydin"), "--passphrase-file", office.passphrase,
        lang="en",
    )  # fmt: skip
    assert read.out.index("Forged letters arrive.") < read.out.index("Seit heute Morgen") and "STIX 2.1" in read.out
    assert (tmp_path / "a" / "daten.json").read_bytes() == data
    with Image.open(tmp_path / "a" / "foto.jpg") as saved:
        assert not dict(saved.getexif())
    again = office.member("aydin", "read", "C-1", "--save", tmp_path / "a", check=False)
    assert again.status == 1 and "[file-exists]" in again.err
    assert "key" not in office.member("aydin", "read", "C-1", "--json").json["content"]["attachments"][0]
    german = exchange("read", "C-1", "--home", office.home("aydin"), "--passphrase-file", office.passphrase, lang="de")
    assert german.out.index("Seit heute Morgen") < german.out.index("Forged letters arrive.")


def test_a_stix_bundle_whose_marking_is_higher_than_the_label_is_named_before_sealing(office: Office) -> None:
    (office.folder / "rot.json").write_bytes(bundle(definition(Label.RED), indicator(Label.RED)))
    refused = office.member("brandt", "preview", source(office, "C-2", more='stix = "rot.json"'), check=False)
    assert refused.status == 1 and "[stix-higher]" in refused.err and "TLP:RED" in refused.err
