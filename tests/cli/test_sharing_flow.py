"""Passing on and lost devices on the command line: a real server process, real homes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.flow import Office, Ran, begin, enrol, exchange, found, served
from tests.cli.test_alert_flow import source

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A partnership with author, approver, two officers; terms accepted, keys published."""
    office = found(tmp_path_factory.mktemp("sharing"))
    with served(office) as url:
        registry = begin(office, url)
        enrol(office, registry, "wirth", "vogt", "brandt", "aydin", "gross")
        office.member("wirth", "terms", "accept", "--yes")
        office.member("aydin", "terms", "accept", "--yes")
        for handle in ("vogt", "brandt", "aydin", "gross"):
            office.member(handle, "inbox")
        yield office


def publish(office: Office, number: str, **options: str) -> str:
    """An alert to the hospital's officers with topic it: Miriam Aydın, and not Anneliese Groß."""
    audience = 'sectors = ["health"]\ntopics = ["it"]'
    path = source(office, number, audience=audience, **options)
    return str(office.member("brandt", "publish", path, "--yes", "--json").json["statement"])


def devices_of(office: Office, number: str, name: str) -> int:
    """To how many of a person's devices an alert would be sealed now."""
    path = source(office, number, audience='sectors = ["health"]\ntopics = ["fraud"]')
    rows = office.member("brandt", "preview", path, "--json").json["receives"]
    return next(len(row["devices"]) for row in rows if row["name"] == name)


def at(office: Office, home: Path, *arguments: str | Path, check: bool = True) -> Ran:
    """A command at another home than a person's first."""
    return exchange(*arguments, "--home", home, "--passphrase-file", office.passphrase, check=check)


def test_share_who_names_persons_and_why_not_others(office: Office) -> None:
    publish(office, "S-1")
    shown = office.member("aydin", "share", "S-1", "--who")
    assert "may be given to 1 persons" in shown.out
    row = next(line for line in shown.out.splitlines() if "Anneliese Groß" in line)
    assert "belongs to the same organisation" in row and "R12" in row
    named = {
        one["name"]: one["code"] for one in office.member("aydin", "share", "S-1", "--who", "--json").json["may_not"]
    }
    assert named["Katharina Brandt"] == "already-recipient" and named["Henning Vogt"] == "other-organisation"
    german = exchange(
        "share", "S-1", "--who", "--home", office.home("aydin"), "--passphrase-file", office.passphrase, lang="de"
    )
    assert "gehört zur eigenen Organisation" in german.out


def test_an_alert_is_given_to_a_colleague_and_the_inbox_says_by_whom(office: Office) -> None:
    publish(office, "S-2")
    assert "S-2" not in office.member("gross", "inbox").out
    given = office.member("aydin", "share", "S-2", "--to", "Anneliese Groß", "--yes")
    assert "given to Anneliese Groß" in given.err and "cannot be taken back" in given.err
    row = next(line for line in office.member("gross", "inbox").out.splitlines() if "S-2" in line)
    assert "given by Miriam Aydın" in row
    read = office.member("gross", "read", "S-2")
    assert "given by" in read.out and "Miriam Aydın" in read.out and "belongs to the same organisation" in read.out
    again = office.member("aydin", "share", "S-2", "--to", "Anneliese Groß", "--yes", check=False)
    assert again.status == 1 and "[already-recipient]" in again.err and "--who" in again.err


def test_who_may_not_be_given_it_is_refused_with_the_rule(office: Office) -> None:
    publish(office, "S-3", label="AMBER+STRICT")
    refused = office.member("aydin", "share", "S-3", "--to", "Henning Vogt", "--yes", check=False)
    assert refused.status == 1 and "(R12)" in refused.err and "[other-organisation]" in refused.err
    usage = office.member("aydin", "share", "S-3", check=False)
    assert usage.status == 2 and "exactly one of" in usage.err
    nobody = office.member("brandt", "share", "S-3", "--newcomers", "--yes")
    assert "nobody who lacks the alert" in nobody.err


def test_a_plain_officer_gives_an_alert_to_the_own_client_who_opens_it(office: Office, tmp_path: Path) -> None:
    """The client's person is not shown the giver: it takes the enrolment that the registry names."""
    client = tmp_path / "client.json"
    office.member("aydin", "client", "register", "Praxis Nord", "--for", "100d", "--out", client, "--yes")
    office.sign(client, 1)
    exchange("admit", client, "--url", office.url)
    line = office.member("aydin", "invite", "--name", "Nora Nord", "--client", "Praxis Nord", "--yes", "--json").json
    office.member("nord", "join", line["invitation"], "--label", "Praxis")
    office.member("aydin", "admit", office.request("nord"), "--yes")
    assert "S-5" not in office.member("nord", "inbox").out
    path = source(office, "S-5", audience='sectors = ["health"]\ntopics = ["fraud"]')
    office.member("brandt", "publish", path, "--yes")
    office.member("gross", "inbox")
    office.member("gross", "share", "S-5", "--to", "Nora Nord", "--yes")
    row = next(line for line in office.member("nord", "inbox").out.splitlines() if "S-5" in line)
    assert "given by" in row
    assert "Gefälschte Kammerbriefe" in office.member("nord", "read", "S-5").out


def test_an_all_clear_goes_to_who_had_it_and_may_be_given_to_who_did_not(office: Office) -> None:
    publish(office, "S-6")
    office.member("aydin", "inbox")
    path = source(office, "S-6", audience='sectors = ["health"]\ntopics = ["it"]', title="Entwarnung")
    text = path.read_text(encoding="utf-8").replace('kind = "incident.it"', 'kind = "all-clear"\nchanged = "Gefasst."')
    path.write_text(text, encoding="utf-8")
    office.member("brandt", "all-clear", "S-6", path, "--yes")
    office.member("aydin", "inbox")
    assert "Entwarnung" not in office.member("gross", "inbox").out, "she never had the warning"
    may = office.member("aydin", "share", "S-6", "--who", "--json").json
    assert "Anneliese Groß" in [one["name"] for one in may["may"]]
    office.member("aydin", "share", "S-6", "--to", "Anneliese Groß", "--yes")
    assert "Entwarnung" in office.member("gross", "inbox").out


def test_a_member_whose_membership_rests_still_reads_what_it_received(office: Office) -> None:
    out, back = office.folder / "rest.json", office.folder / "back.json"
    office.member("wirth", "suspend", "Klinikum Ruhraue gGmbH", "--out", out, "--registrar", office.public[0])
    office.sign(out, 1, 2)
    exchange("admit", out, "--url", office.url)
    shown = office.member("aydin", "inbox")
    assert "[organisation-suspended]" in shown.err and "stays readable" in shown.err
    assert "S-6" in shown.out
    assert "Entwarnung" in office.member("aydin", "read", "S-6").out
    refused = office.member("aydin", "share", "S-6", "--to", "Anneliese Groß", "--yes", check=False)
    assert refused.status == 1 and "[organisation-suspended]" in refused.err
    office.member("wirth", "renew", "Klinikum Ruhraue gGmbH", "--out", back, "--registrar", office.public[0])
    office.sign(back, 1, 2)
    exchange("admit", back, "--url", office.url)
    assert "stays readable" not in office.member("aydin", "inbox").err


def test_a_lost_device_is_replaced_and_a_colleague_seals_the_history_again(office: Office, tmp_path: Path) -> None:
    publish(office, "S-4")
    office.member("aydin", "share", "S-4", "--to", "Anneliese Groß", "--yes")
    office.member("gross", "inbox")
    assert devices_of(office, "S-8", "Anneliese Groß") == 1
    # The second device of the same person, with the same invitation; a colleague who administers enrols it.
    new = tmp_path / "new"
    at(office, new, "join", office.folder / "registry" / "invitation-gross.txt", "--label", "Neues Gerät")
    office.member("aydin", "admit", new / "device-request.json", "--yes")
    assert devices_of(office, "S-8", "Anneliese Groß") == 2
    revoked = office.member("aydin", "revoke", "PC gross", "--yes")
    assert "device.revoke" in revoked.out
    assert office.member("gross", "inbox", check=False).status == 1
    empty = at(office, new, "inbox", "--json").json
    assert "S-4" not in [one["content"].get("number") for one in empty["alerts"]]
    sealed = office.member("aydin", "history", "Neues Gerät", "--yes")
    assert "sealed again for Anneliese Groß" in sealed.err
    back = at(office, new, "inbox")
    row = next(line for line in back.out.splitlines() if "S-4" in line)
    assert "given by Miriam Aydın" in row
    assert devices_of(office, "S-8", "Anneliese Groß") == 1, "the one revoked is gone at the publisher's next step"
    again = office.member("aydin", "history", "Neues Gerät", "--yes", "--json").json
    assert again["given"] == []
    own = office.member("aydin", "history", "PC aydin", check=False)
    assert own.status == 2 and "[history-here]" in own.err
