"""From an empty folder to enrolled devices, with the real command line, a real server process and real key files."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from exchange import serverkeys
from keys.registrar import SigningFile
from tests.cli.flow import Office, begin, enrol, exchange, found, served

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A founded partnership whose persons are enrolled and invited, and whose privileged devices are in force."""
    office = found(tmp_path_factory.mktemp("office"))
    with served(office) as url:
        registry = begin(office, url)
        office.join("brandt")
        enrol(office, registry, "wirth", "winter", "aydin")
        yield office


def test_the_first_round_publishes_weekly_keys(office: Office) -> None:
    rows = office.member("wirth", "devices", "--json").json
    mine = next(row for row in rows if row["here"])
    assert mine["weeks_left"] >= 8 and mine["label"] == "PC wirth"


def test_terms_are_shown_compared_and_accepted(office: Office) -> None:
    shown = office.member("aydin", "terms", "show", "--json").json
    assert (shown["version"], shown["accepted"]) == (1, 0)
    other = office.folder / "other.md"
    other.write_text("something else\n")
    refused = office.member("aydin", "terms", "accept", "--document", other, "--yes", check=False)
    assert refused.status == 1 and "not version 1" in refused.err
    office.member("aydin", "terms", "accept", "--document", office.folder / "terms.md", "--yes")
    assert office.member("aydin", "terms", "show", "--json").json["accepted"] == 1
    again = office.member("aydin", "terms", "accept", "--yes")
    assert "has accepted" in again.err


def test_an_author_s_device_takes_two_administrators(office: Office) -> None:
    request, carried = office.request("brandt"), office.folder / "brandt.json"
    without = office.member("wirth", "admit", request, "--yes", check=False)
    assert without.status == 2 and "two persons" in without.err
    office.member("wirth", "admit", request, "--yes", "--out", carried)
    assert len(SigningFile.load(carried.read_bytes()).items[0].envelope.signer_ids) == 1
    early = exchange("admit", carried, "--url", office.url, check=False)
    assert early.status == 1 and "lack" in early.err
    same = office.member("wirth", "countersign", carried, "--yes", check=False)
    assert same.status == 1 and "another person" in same.err
    posted = office.member("winter", "countersign", carried, "--yes")
    assert "device.enrol" in posted.out
    assert "ENROL A DEVICE" in posted.err
    office.member("brandt", "inbox")


def test_an_administrator_invites_and_admits_an_officer_alone(office: Office) -> None:
    made = office.member(
        "aydin", "invite", "--name", "Jörg Bäumer", "--role", "officer", "--topic", "it", "--yes", "--json"
    )
    (office.folder / "registry" / "invitation-baeumer.txt").write_text(made.json["invitation"])
    joined = office.join("baeumer")
    assert len(joined.out.split()) == 12
    admitted = office.member("aydin", "admit", office.request("baeumer"), "--yes")
    assert joined.out.strip() in admitted.err
    assert "Jörg Bäumer" in admitted.err
    again = office.member("aydin", "admit", office.request("baeumer"), "--yes", check=False)
    assert again.status == 1 and "[previous-mismatch]" in again.err


def test_an_administrator_enters_and_removes_a_persons_address_for_notices(office: Office) -> None:
    def kept() -> list[tuple[str, str]]:
        """The openings of the newest statement about a person, as the server has them."""
        with closing(sqlite3.connect(f"file:{office.folder / 'server' / 'exchange.db'}?mode=ro", uri=True)) as database:
            [[statement]] = database.execute(
                "SELECT statement FROM statement WHERE kind = 'person.change' ORDER BY \"index\" DESC LIMIT 1"
            )
            return database.execute(
                "SELECT field, value FROM opening WHERE statement = ? ORDER BY field", [statement]
            ).fetchall()

    change = ("notice", "Anneliese Groß")
    office.member("aydin", *change, "--address", "gross@klinikum.example", "--yes")
    assert kept() == [("name", "Anneliese Groß"), ("notice", "gross@klinikum.example")]
    office.member("aydin", *change, "--off", "--yes")
    assert kept() == [("name", "Anneliese Groß")]
    for arguments in (("--address", "gross@klinikum", "--yes"), ("--address", "a@b.de, c@d.de", "--yes")):
        refused = office.member("aydin", *change, *arguments, check=False)
        assert refused.status == 1 and "[bad-notice]" in refused.err
    both = office.member("aydin", *change, "--off", "--address", "a@b.de", check=False)
    assert both.status == 2 and office.member("aydin", *change, check=False).status == 2
    others = office.member("wirth", *change, "--off", "--yes", check=False)
    assert others.status == 1 and "your organisation" in others.err
    with_address = ("invite", "--name", "Nils Neu", "--role", "officer", "--notice")
    assert "[bad-notice]" in office.member("aydin", *with_address, "nils", "--yes", check=False).err


def test_one_administrator_does_not_make_an_author(office: Office) -> None:
    refused = office.member("aydin", "invite", "--name", "Geist", "--role", "author", "--yes", check=False)
    assert refused.status == 2 and "two persons" in refused.err


def test_only_the_registrars_make_an_auditor(office: Office) -> None:
    refused = office.member("wirth", "invite", "--name", "Ingrid Sommer", "--role", "auditor", "--yes", check=False)
    assert refused.status == 1 and "registrars" in refused.err


def test_a_request_for_another_organisation_is_not_ours(office: Office) -> None:
    refused = office.member("aydin", "admit", office.request("brandt"), "--yes", check=False)
    assert refused.status == 1 and "your organisation" in refused.err


def test_names_of_requests_come_from_what_the_registrars_signed(office: Office) -> None:
    registry = office.folder / "registry" / "registry.json"
    arguments = ("admit", office.request("brandt"), "--url", office.url, "--yes", "--out")
    named = exchange(*arguments, office.folder / "named.json", "--registry", registry)
    assert "Katharina Brandt" in named.err
    nameless = exchange(*arguments, office.folder / "nameless.json")
    assert "name unknown" in nameless.err and "hint: --registry" in nameless.err


def test_an_organisation_is_suspended_and_taken_back_by_the_registrars(office: Office) -> None:
    out = office.folder / "suspend.json"
    office.member("wirth", "suspend", "klinikum ruhraue ggmbh", "--out", out, "--registrar", office.public[0])
    office.sign(out, 1, 2)
    exchange("admit", out, "--url", office.url)
    refused = office.member("aydin", "invite", "--name", "X", "--role", "officer", "--yes", check=False)
    assert refused.status == 1 and "[organisation-suspended]" in refused.err, refused
    back = office.folder / "renew.json"
    said = office.member("wirth", "renew", "Klinikum Ruhraue gGmbH", "--out", back, "--registrar", office.public[0])
    assert "member again" in said.err
    office.sign(back, 1, 2)
    exchange("admit", back, "--url", office.url)
    office.member("aydin", "inbox")


def test_a_suspension_posted_again_after_it_was_lifted_changes_nothing(office: Office) -> None:
    refused = exchange("admit", office.folder / "suspend.json", "--url", office.url, check=False)
    assert refused.status == 0 and "organisation.suspend" in refused.out, "the same statement gets the same answer"
    rows = office.member("aydin", "devices", "--json")
    assert rows.status == 0, "the suspension that was lifted stays lifted"


def test_a_renewal_never_shortens(office: Office) -> None:
    refused = office.member(
        "wirth", "renew", "Klinikum Ruhraue gGmbH", "--for", "1d", "--out", office.folder / "short.json", check=False
    )
    assert refused.status == 1 and "never shortens" in refused.err


def test_a_company_s_administrator_cannot_see_others_to_suspend_them(office: Office) -> None:
    refused = office.member("aydin", "suspend", "Unbekannt AG", "--out", office.folder / "x.json", check=False)
    assert refused.status == 1 and "hint:" in refused.err


def test_a_lost_device_is_revoked_at_once_by_the_administrator(office: Office) -> None:
    invited = office.member("aydin", "invite", "--name", "Verliert Geräte", "--yes")
    (office.folder / "registry" / "invitation-lost.txt").write_text(invited.out)
    office.join("lost")
    office.member("aydin", "admit", office.request("lost"), "--yes")
    office.member("lost", "inbox")
    office.member("aydin", "revoke", "PC lost", "--yes")
    refused = office.member("lost", "devices", check=False)
    assert refused.status == 1, refused
    rows = office.member("aydin", "devices", "--json").json
    assert [row["revoked"] for row in rows if row["label"] == "PC lost"] == [True]


def test_a_person_is_removed_by_the_own_administrator_only(office: Office) -> None:
    office.member("aydin", "invite", "--name", "Kurz Dabei", "--yes")
    refused = office.member("wirth", "remove", "--person", "Kurz Dabei", "--yes", check=False)
    assert refused.status == 1 and "not of your organisation" in refused.err
    office.member("aydin", "remove", "--person", "kurz dabei", "--yes")
    gone = office.member("aydin", "remove", "--person", "Kurz Dabei", "--yes", check=False)
    assert gone.status == 1 and "no person" in gone.err


def test_a_home_is_not_taken_twice(office: Office) -> None:
    refused = office.member("wirth", "join", office.folder / "registry" / "invitation-wirth.txt", check=False)
    assert refused.status == 1 and "hint: --home" in refused.err


def test_an_invitation_for_another_exchange_leads_nowhere(office: Office, tmp_path: Path) -> None:
    from exchange.client.enrol import encode_invitation, parse_invitation

    invited = parse_invitation((office.folder / "registry" / "invitation-wirth.txt").read_text())
    other = encode_invitation(invited.model_copy(update={"exchange": "00" * 32}))
    refused = exchange("join", other, "--home", tmp_path / "home", "--passphrase-file", office.passphrase, check=False)
    assert refused.status == 1 and "[other-exchange]" in refused.err
    assert not (tmp_path / "home").exists()


def test_a_wrong_passphrase_is_said_without_a_traceback(office: Office, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("not the right one\n")
    wrong.chmod(0o600)
    refused = exchange("inbox", "--home", office.home("wirth"), "--passphrase-file", wrong, check=False)
    assert refused.status == 1 and "[wrong-passphrase]" in refused.err and "hint:" in refused.err


def test_a_device_that_is_not_enrolled_yet_is_told_what_to_do(office: Office) -> None:
    made = office.member("aydin", "invite", "--name", "Noch Nicht", "--yes")
    (office.folder / "registry" / "invitation-noch.txt").write_text(made.out)
    office.join("noch")
    refused = office.member("noch", "inbox", check=False)
    assert refused.status == 1 and "hint: has your administrator" in refused.err, refused


def test_the_partnership_does_not_begin_twice(office: Office) -> None:
    refused = exchange(
        "invite", "--partnership", office.folder / "partnership.toml", "--url", office.url, "--out",
        office.folder / "again", check=False,
    )  # fmt: skip
    assert refused.status == 1 and "--organisation" in refused.err


def test_without_the_server_the_inbox_says_so_and_shows_what_is_there(office: Office) -> None:
    shown = office.member("wirth", "inbox", "--offline", "--json")
    assert shown.json["online"] is False


# -- without a server --------------------------------------------------------------------------------------------------


def test_init_overwrites_nothing_and_pins_the_founding(tmp_path: Path) -> None:
    office = found(tmp_path)
    assert serverkeys.pinned(tmp_path / "server") == office.exchange
    before = (tmp_path / "server" / "keys.json").read_bytes()
    registrars = [word for path in office.public for word in ("--registrar", str(path))]
    again = exchange(
        "init", "--origin", "exchange.example", *registrars, "--data", tmp_path / "server", "--out",
        tmp_path / "other.json", check=False,
    )  # fmt: skip
    assert again.status == 1 and "not overwritten" in again.err
    assert (tmp_path / "server" / "keys.json").read_bytes() == before


def test_a_founding_that_nobody_signed_is_not_posted(tmp_path: Path) -> None:
    found(tmp_path)
    refused = exchange("admit", tmp_path / "founding.json", "--url", "http://127.0.0.1:9", check=False)
    assert refused.status == 1 and "signatures" in refused.err


def test_one_registrar_twice_is_not_two_registrars(tmp_path: Path) -> None:
    office = found(tmp_path)
    registrars = ["--registrar", office.public[0], "--registrar", office.public[0]]
    refused = exchange("init", "--origin", "x.example", *registrars, "--data", tmp_path / "d", check=False)
    assert refused.status == 2 and "2 to 9 different registrars" in refused.err


def test_registrars_sign_with_the_one_in_whose_name_it_was_prepared(office: Office) -> None:
    registry, out = office.folder / "registry" / "registry.json", office.folder / "issuer.json"
    first = office.public[0]
    exchange(
        "admit", office.request("brandt"), "--url", office.url, "--registry", registry, "--registrar", first, "--out",
        out, "--yes",
    )  # fmt: skip
    office.sign(out, 2, 3)
    refused = exchange("admit", out, "--url", office.url, check=False)
    assert refused.status == 1 and "in whose name" in refused.err


def test_an_exchange_that_does_not_answer_is_one_line_and_a_hint(tmp_path: Path) -> None:
    office = found(tmp_path)
    office.sign(tmp_path / "founding.json", 1, 2)
    refused = exchange("admit", tmp_path / "founding.json", "--url", "http://127.0.0.1:9", check=False)
    assert refused.status == 1 and "[unreachable]" in refused.err and "hint:" in refused.err
