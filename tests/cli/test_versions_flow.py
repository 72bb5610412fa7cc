"""An alert's life after its release on the command line: update, relabel, all-clear, withdrawal, confirmations, the chain."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.flow import Office, begin, enrol, exchange, found, served

pytestmark = pytest.mark.timeout(240)

FIRST = """+++
title = "Gefälschte Kammerbriefe"
language = "de"
number = "{number}"
label = "{label}"
kind = "incident.it"
urgency = "expected"
severity = "severe"
certainty = "observed"
valid_for = "14d"
{more}
[audience]
{audience}
+++

Seit heute Morgen gehen gefälschte Schreiben ein.
"""
LATER = """+++
title = "{title}"
language = "de"
changed = "{changed}"
kind = "{kind}"
urgency = "expected"
severity = "severe"
certainty = "observed"
valid_for = "14d"
{more}
+++

{text}
"""


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    office = found(tmp_path_factory.mktemp("versions"))
    with served(office) as url:
        registry = begin(office, url)
        enrol(office, registry, "wirth", "vogt", "brandt", "aydin", "gross")
        office.member("wirth", "terms", "accept", "--yes")
        office.member("aydin", "terms", "accept", "--yes")
        for handle in ("vogt", "brandt", "aydin", "gross"):
            office.member(handle, "inbox")
        yield office


def first(office: Office, number: str, label: str = "AMBER", audience: str = 'topics = ["it"]', more: str = "") -> str:
    path = office.folder / f"{number}.md"
    path.write_text(FIRST.format(number=number, label=label, audience=audience, more=more), encoding="utf-8")
    return str(office.member("brandt", "publish", path, "--yes", "--json").json["statement"])


def later(office: Office, name: str, changed: str = "Zwei weitere Absender.", **more: str) -> Path:
    path = office.folder / f"{name}-later.md"
    fields = {
        "title": "Kammerbriefe: mehr",
        "kind": "incident.it",
        "more": "",
        "text": "Es sind drei Absender.",
        **more,
    }
    path.write_text(LATER.format(changed=changed, **fields), encoding="utf-8")
    return path


def line(office: Office, handle: str, number: str) -> str:
    lines = [row for row in office.member(handle, "inbox").out.splitlines() if f" {number} " in row]
    assert len(lines) <= 1, "one line an alert"
    return lines[0] if lines else ""


def test_an_update_is_one_line_and_reading_lands_on_it(office: Office) -> None:
    statement = first(office, "U-1")
    office.member("aydin", "read", "U-1")
    path = later(office, "U-1", more='status = "interim"')
    shown = office.member("brandt", "update", "U-1", path, "--preview").out
    assert "the same audience as in version 1" in shown
    updated = office.member("brandt", "update", "U-1", path, "--yes", "--json").json
    assert updated["released"] and updated["preview"]["change"] == {"audience": "same", "reason": "new-information"}
    row = line(office, "aydin", "U-1")
    assert row.startswith("*") and "update, version 2, interim" in row and "Kammerbriefe: mehr" in row
    read = office.member("aydin", "read", statement[:12], "--chain").out
    assert "Es sind drei Absender." in read and "Zwei weitere Absender." in read
    assert "2 of 2, update" in read and "new information, same audience" in read
    older = office.member("aydin", "read", "U-1", "--version", "1").out
    assert "this is version 1, the newest one here is version 2" in older
    assert older.index("this is version 1") < older.index("Seit heute Morgen")
    wrong = office.member("aydin", "read", "U-1", "--version", "7", check=False)
    assert wrong.status == 1 and "version 7" in wrong.err


def test_who_is_new_and_who_falls_out_is_named_before_publishing(office: Office) -> None:
    first(office, "U-2")
    path = later(office, "U-2", more='[audience]\ntopics = ["fraud"]')
    preview = office.member("brandt", "update", "U-2", path, "--preview", "--json").json
    assert [row["name"] for row in preview["joining"]] == ["Anneliese Groß"]
    assert [row["name"] for row in preview["leaving"]] == ["Miriam Aydın"]
    assert preview["change"]["audience"] == "different"
    office.member("brandt", "update", "U-2", path, "--yes")
    assert "newer version not here" in line(office, "aydin", "U-2")
    told = office.member("aydin", "read", "U-2").out
    assert "version 2 of this alert is released, and was not sent to this device" in told
    assert "update, version 2" in line(office, "gross", "U-2")


def test_a_relabel_down_waits_for_an_approval_and_up_does_not(office: Office) -> None:
    first(office, "L-1", label="GREEN", audience='organisations = ["Klinikum Ruhraue gGmbH"]')
    up = office.member("brandt", "relabel", "L-1", later(office, "L-1"), "--label", "AMBER", "--yes", "--json").json
    assert up["released"] and up["preview"]["label"] == "TLP:AMBER"
    alone = office.member("brandt", "relabel", "L-1", later(office, "L-1"), "--label", "GREEN", "--yes", check=False)
    assert alone.status == 1 and "the lower label demands 1" in alone.err
    asked = later(office, "L-1b", more='approvers = ["Henning Vogt"]')
    down = office.member("brandt", "relabel", "L-1", asked, "--label", "green", "--yes", "--json").json
    assert down["released"] is False
    assert "TLP:GREEN" in office.member("vogt", "approve").out
    office.member("vogt", "approve", down["statement"][:12], "--yes")
    assert "relabelled, version 3" in line(office, "aydin", "L-1")
    update = later(office, "L-1c", more='label = "AMBER"')
    changed = office.member("brandt", "update", "L-1", update, "--yes", check=False)
    assert changed.status == 1 and "only relabel does that" in changed.err


def test_a_withdrawal_is_said_before_any_text_and_counted(office: Office) -> None:
    statement = first(office, "W-1")
    office.member("aydin", "inbox")
    refused = office.member("brandt", "withdraw", "W-1", "--reason", "whim", "--yes", check=False)
    assert refused.status == 2
    gone = office.member("brandt", "withdraw", "W-1", "--reason", "error", "--yes")
    assert "nobody can be made to forget" in gone.out
    assert "WITHDRAWN, version 2, final" in line(office, "aydin", "W-1")
    read = office.member("aydin", "read", statement[:12]).out
    assert read.index("WITHDRAWN by version 2 (error)") < read.index("Zurückgezogen: Gefälschte Kammerbriefe")
    old = office.member("aydin", "read", "W-1", "--version", "1").out
    assert old.index("WITHDRAWN by version 2 (error)") < old.index("Seit heute Morgen")
    counted = office.member("brandt", "receipts", "W-1")
    assert "version 2 (WITHDRAWN): received 1 of 1, read 1 of 1 organisations" in counted.err
    assert "nobody can be made to forget" in counted.err
    data = office.member("brandt", "receipts", "W-1", "--json").json
    assert data["silent"] == [] and data["unreached"] == []
    after = office.member("brandt", "update", "W-1", later(office, "W-1"), "--yes", check=False)
    assert after.status == 1 and "nothing follows a withdrawal" in after.err


def test_an_all_clear_then_an_update(office: Office) -> None:
    first(office, "C-1")
    clear = later(office, "C-1", kind="all-clear", title="Entwarnung")
    wrong = office.member("brandt", "all-clear", "C-1", later(office, "C-1w"), "--yes", check=False)
    assert wrong.status == 1 and "all-clear is of kind all-clear" in wrong.err
    office.member("brandt", "all-clear", "C-1", clear, "--yes")
    assert "ALL-CLEAR, version 2" in line(office, "aydin", "C-1")
    office.member("brandt", "update", "C-1", later(office, "C-1b", changed="Doch wieder."), "--yes")
    assert "update, version 3" in line(office, "aydin", "C-1")


def test_red_is_withdrawn_by_two_persons_and_counted_by_person(office: Office) -> None:
    more = 'approvers = ["Henning Vogt"]'
    statement = first(office, "R-1", label="RED", audience='persons = ["Miriam Aydın", "Anneliese Groß"]', more=more)
    office.member("vogt", "approve", statement[:12], "--yes")
    office.member("aydin", "read", "R-1")
    proposed = office.member("brandt", "withdraw", "R-1", "--reason", "source-request", "--yes", "--json").json
    assert proposed["released"] is False
    office.member("vogt", "approve", proposed["statement"][:12], "--yes")
    office.member("aydin", "read", "R-1")
    counted = office.member("brandt", "receipts", "R-1", "--json").json
    assert "Anneliese Groß" in [one["name"] for one in counted["silent"]]
    states = {one["name"]: one["state"] for one in counted["standings"]}
    assert states["Miriam Aydın"] == "read"


def test_versions_read_german(office: Office) -> None:
    first(office, "D-1")
    office.member("brandt", "withdraw", "D-1", "--reason", "resolved", "--yes")
    where = ("--home", office.home("aydin"), "--passphrase-file", office.passphrase)
    office.member("aydin", "inbox")
    shown = exchange("read", "D-1", *where, lang="de").out
    assert "ZURÜCKGEZOGEN mit Fassung 2 (erledigt)" in shown


def test_a_later_version_says_what_changed(office: Office) -> None:
    first(office, "X-1")
    path = later(office, "X-1")
    path.write_text(path.read_text(encoding="utf-8").replace("changed =", "contact ="), encoding="utf-8")
    refused = office.member("brandt", "update", "X-1", path, "--yes", check=False)
    assert refused.status == 1 and "changed is missing" in refused.err
    early = office.folder / "X-2.md"
    early.write_text(FIRST.format(number="X-2", label="AMBER", audience="everyone = true", more='changed = "x"'))
    refused = office.member("brandt", "publish", early, "--yes", check=False)
    assert refused.status == 1 and "changed is for a later version" in refused.err
