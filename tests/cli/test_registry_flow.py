"""Rotation, circles, clients, leaving, erasing, renewing and terms on the command line, against a real server process."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from keys import __main__ as keys_command
from keys.keyfile import Cost, create_secret
from keys.registrar import SigningFile, encode_public, encode_registrar
from keys.sign import SoftwareSigner
from tests.cli.flow import Office, begin, enrol, exchange, found, served

HOSPITAL, POLICE = "Klinikum Ruhraue gGmbH", "Polizeidirektion Rhein-Ruhr"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A founded partnership, its administrators and one officer enrolled, the terms accepted by the police."""
    folder = tmp_path_factory.mktemp("office")
    made = found(folder)
    with served(made) as url:
        registry = begin(made, url)
        enrol(made, registry, "wirth", "winter", "brandt", "aydin", "gross")
        made.member("wirth", "terms", "accept", "--yes")
        yield made


def post(office: Office, path: Path, *numbers: int) -> None:
    """Signed by these registrars, and posted."""
    office.sign(path, *numbers)
    exchange("admit", path, "--url", office.url)


def test_terms_are_uploaded_fetched_and_compared(office: Office, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.md"
    wrong.write_text("etwas anderes\n")
    assert "no version" in office.member("wirth", "terms", "upload", wrong, check=False).err
    office.member("wirth", "terms", "upload", office.folder / "terms.md")
    shown = office.member("aydin", "terms", "show", "--save", tmp_path / "terms.md")
    assert (tmp_path / "terms.md").read_bytes() == (office.folder / "terms.md").read_bytes()
    assert "days are left" in shown.out
    assert "has not accepted version 1" in shown.err
    assert "CAREFUL" not in office.member("wirth", "terms", "show").err


def test_a_new_version_of_the_terms_gives_time(office: Office, tmp_path: Path) -> None:
    newer = tmp_path / "newer.md"
    newer.write_text("Arbeitsordnung, neue Fassung\n")
    office.member("wirth", "terms", "define", newer, "--accept-within", "20d", "--out", tmp_path / "t.json",
                  "--registrar", office.public[0])  # fmt: skip
    post(office, tmp_path / "t.json", 1, 2)
    shown = office.member("wirth", "terms", "show")
    assert "version 2" in shown.out and ("19 days" in shown.out or "20 days" in shown.out)
    assert "must accept version 2" in shown.err
    office.member("wirth", "terms", "accept", "--document", newer, "--yes")
    assert "must accept" not in office.member("wirth", "terms", "show").err


def test_memberships_that_run_out_are_listed_and_renewed_in_a_batch(office: Office, tmp_path: Path) -> None:
    listed = office.member("wirth", "members", "--expiring", "400", "--json").json["members"]
    assert [member["name"] for member in listed] == [HOSPITAL]
    both = tmp_path / "both.json"
    office.member(
        "wirth", "renew", "--expiring", "800", "--until", "2029-06-30", "--out", both, "--registrar", office.public[0]
    )  # fmt: skip
    assert len(SigningFile.load(both.read_bytes()).items) == 2
    path = tmp_path / "renew.json"
    office.member("wirth", "renew", "--expiring", "400", "--for", "900d", "--out", path,
                  "--registrar", office.public[0])  # fmt: skip
    assert len(SigningFile.load(path.read_bytes()).items) == 1
    post(office, path, 1, 3)
    assert office.member("wirth", "members", "--expiring", "400", "--json").json["members"] == []
    assert "no membership" in office.member("wirth", "renew", "--expiring", "5", "--for", "1d", check=False).err


def test_a_renewal_posted_after_a_suspension_is_refused(office: Office, tmp_path: Path) -> None:
    before, suspended, after = (tmp_path / f"{name}.json" for name in ("before", "suspend", "after"))
    by = ("--registrar", office.public[0])
    office.member("wirth", "renew", HOSPITAL, "--for", "950d", "--out", before, *by)
    office.member("wirth", "suspend", HOSPITAL, "--out", suspended, *by)
    post(office, suspended, 1, 2)
    office.sign(before, 1, 2)
    refused = exchange("admit", before, "--url", office.url, check=False)
    assert refused.status == 1 and "previous-mismatch" in refused.err
    office.member("wirth", "renew", HOSPITAL, "--out", after, *by)
    post(office, after, 1, 2)


def test_a_circle_is_defined_by_the_registrars_and_changed_by_its_curator(office: Office, tmp_path: Path) -> None:
    path = tmp_path / "circle.json"
    office.member("wirth", "circle", "define", "Arbeitskreis Energie", "--curator", "Sabine Wirth", "--add", POLICE,
                  "--out", path, "--registrar", office.public[0])  # fmt: skip
    post(office, path, 1, 2)
    office.member(
        "wirth", "circle", "change", "Arbeitskreis Energie", "--add", HOSPITAL, "--add", "Paul Winter", "--yes"
    )
    shown = office.member("aydin", "circle", "show", "--json").json["circles"]
    assert [(c["name"], len(c["organisations"]), len(c["persons"])) for c in shown] == [("Arbeitskreis Energie", 2, 1)]
    assert "Klinikum" in office.member("aydin", "circle", "show", "Arbeitskreis Energie").out
    other = office.member("winter", "circle", "change", "Arbeitskreis Energie", "--remove", HOSPITAL, "--yes",
                          "--out", tmp_path / "other.json")  # fmt: skip
    assert "waits for the registrars" in other.err
    again = office.member("wirth", "circle", "change", "Arbeitskreis Energie", "--add", HOSPITAL, "--yes", check=False)
    assert "member-present" in again.err


def test_a_client_is_registered_by_two_and_its_person_enrolled(office: Office, tmp_path: Path) -> None:
    path = tmp_path / "client.json"
    alone = office.member("wirth", "client", "register", "Bäckerei Ost", "--yes", check=False)
    assert alone.status == 2
    office.member("wirth", "client", "register", "Bäckerei Ost", "--for", "100d", "--out", path, "--yes")
    seen = office.member("winter", "countersign", path, "--yes", lang="de").err
    assert "einen Mandanten eintragen oder verlängern (client.register)" in seen and ": geprüft" in seen
    listed = office.member("winter", "client", "list", "--json").json["clients"]
    assert [(c["name"], c["state"]) for c in listed] == [("Bäckerei Ost", "in-force")]
    line = office.member("wirth", "invite", "--name", "Olga Ost", "--client", "Bäckerei Ost", "--yes", "--json").json
    office.member("ost", "join", line["invitation"], "--label", "Kasse")
    office.member("wirth", "admit", office.request("ost"), "--yes")
    assert "Kasse" in office.member("ost", "devices").out
    foreign = office.member("aydin", "invite", "--name", "Otto Ost", "--client", "Bäckerei Ost", "--yes", check=False)
    assert foreign.status == 1
    office.member("wirth", "revoke", "Kasse", "--yes")
    office.member(
        "wirth", "client", "register", "Bäckerei Ost", "--for", "200d", "--out", tmp_path / "again.json", "--yes"
    )
    office.member("winter", "countersign", tmp_path / "again.json", "--yes")
    assert "Bäckerei Ost" in office.member("wirth", "client", "list").out
    office.member("wirth", "offboard", "Bäckerei Ost", "--erase", "--yes")
    assert "Bäckerei Ost" not in office.member("wirth", "members").out


def test_a_person_changes_its_name_and_the_old_one_is_erased(office: Office) -> None:
    office.member("aydin", "person", "change", "Anneliese Groß", "--name", "Anneliese Klein", "--yes")
    assert "Anneliese Groß" not in office.member("aydin", "devices").out
    office.member("aydin", "erase", "Anneliese Klein", "--yes")
    again = office.member("aydin", "erase", "Anneliese Klein", "--yes", check=False)
    assert "nothing" in again.err


def test_an_organisation_change_is_for_the_registrars(office: Office, tmp_path: Path) -> None:
    path = tmp_path / "organisation.json"
    office.member("wirth", "organisation", "change", HOSPITAL, "--sector", "health", "--sector", "water", "--out", path,
                  "--registrar", office.public[0])  # fmt: skip
    post(office, path, 1, 2)


def test_offboarding_names_everything_and_does_it_in_one_request(office: Office) -> None:
    asked = office.member("aydin", "offboard", "Anneliese Klein", check=False)
    assert asked.status == 2 and "nobody can answer" in asked.err
    assert "device" in asked.err and "stays readable" in asked.err and "final" in asked.err
    self = office.member("aydin", "offboard", "Miriam Aydın", "--yes", check=False)
    assert self.status == 1 and "another administrator" in self.err
    done = office.member("aydin", "offboard", "Anneliese Klein", "--erase", "--yes", "--json")
    kinds = [result["kind"] for result in done.json["results"]]
    assert kinds[:2] == ["device.revoke", "person.remove"] and set(kinds[2:]) == {"opening.erase"}
    refused = office.member("gross", "inbox", check=False)
    assert refused.status == 1
    assert "Anneliese" not in office.member("wirth", "offboard", HOSPITAL, check=False).err


def test_a_lost_registrar_key_is_replaced_offline_and_the_old_registrars_sign_nothing_more(
    office: Office, tmp_path: Path
) -> None:
    new = SoftwareSigner.generate()
    public, path = tmp_path / "r4.pub", tmp_path / "rotate.json"
    public.write_bytes(encode_public(new.public))
    late = tmp_path / "late.json"
    office.member("wirth", "suspend", HOSPITAL, "--out", late, "--registrar", office.public[0])
    office.sign(late, 1, 3)
    lost = office.registrars[2]
    shown = office.member("wirth", "rotate", "--add", public, "--drop", lost.public.key_id[:12], "--out", path,
                          "--registrar", office.public[0])  # fmt: skip
    assert "goes" in shown.err and "comes" in shown.err and "2 of the 3 registrars" in shown.err
    secret, words = tmp_path / "r4.key", tmp_path / "words"
    create_secret(
        secret, kind="registrar", identity=new.public.key_id, secret=encode_registrar(new),
        passphrase="correct horse battery", cost=Cost(1, 8 << 20),
    )  # fmt: skip
    words.write_text("correct horse battery\n")
    words.chmod(0o600)
    office.sign(path, 1)
    early = exchange("admit", path, "--url", office.url, check=False)
    assert "signatures" in early.err
    office.sign(path, 2)
    founding = office.folder / "founding.json"
    signed = keys_command.main(
        [
            "sign",
            str(path),
            "--key",
            str(secret),
            "--passphrase-file",
            str(words),
            "--registrars",
            str(founding),
            "--yes",
        ]
    )
    assert signed == 0
    exchange("admit", path, "--url", office.url)
    refused = exchange("admit", late, "--url", office.url, check=False)
    assert "signer-unknown" in refused.err
    after = tmp_path / "after.json"
    office.member("wirth", "renew", POLICE, "--for", "1000d", "--out", after, "--registrar", public)
    file = SigningFile.load(after.read_bytes())
    for signer in (new, office.registrars[1]):
        file = file.sign(signer, int(time.time()))
    after.write_bytes(file.save())
    exchange("admit", after, "--url", office.url, "--rotation", path)
    wrong = office.member("wirth", "suspend", HOSPITAL, "--out", tmp_path / "x.json", "--registrar", office.public[2],
                          check=False)  # fmt: skip
    assert "no registrar" in wrong.err or "not a registrar" in wrong.err
