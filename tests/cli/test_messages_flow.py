"""Reactions, questions, answers and the call list on the command line: real server process, real homes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.flow import Office, begin, enrol, found, served
from tests.cli.test_alert_flow import source

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """An author and two officers of a hospital, to whom one alert was published."""
    office = found(tmp_path_factory.mktemp("messages"))
    with served(office) as url:
        registry = begin(office, url)
        enrol(office, registry, "wirth", "vogt", "brandt", "aydin", "gross")
        office.member("wirth", "terms", "accept", "--yes")
        office.member("aydin", "terms", "accept", "--yes")
        for handle in ("vogt", "brandt", "aydin", "gross"):
            office.member(handle, "inbox")
        path: Path = source(office, "M-1", more='acknowledge_within = "2d"')
        office.member("brandt", "publish", path, "--yes")
        office.member("gross", "inbox")
        yield office


def test_a_reaction_says_first_who_will_read_it_and_reaches_the_source(office: Office) -> None:
    told = office.member(
        "aydin", "ack", "M-1", "--level", "affected", "--call", "0201 555 0123", "--text", "Zwei Fälle."
    )
    assert "authors and approvers of Polizeidirektion Rhein-Ruhr read: your name" in told.err
    assert "affected, please call" in told.err
    shown = office.member("brandt", "receipts", "M-1")
    row = next(line for line in shown.out.splitlines() if "Klinikum" in line)
    assert "reacted" in row and "Miriam Aydın" in row and "0201 555 0123" in row and "Zwei Fälle." in row


def test_words_without_a_level_are_refused(office: Office) -> None:
    refused = office.member("aydin", "ack", "M-1", "--text", "x", check=False)
    assert refused.status == 2 and "--level" in refused.err


def test_the_silent_are_listed_with_whom_to_call(office: Office) -> None:
    office.member("brandt", "publish", source(office, "M-2", more='acknowledge_within = "2d"'), "--yes")
    listed = office.member("brandt", "receipts", "M-2", "--silent")
    assert "Klinikum Ruhraue gGmbH" in listed.out and "to be acknowledged by" in listed.err
    found = office.member("brandt", "receipts", "M-2", "--json").json
    assert [one["name"] for one in found["silent"]] == ["Klinikum Ruhraue gGmbH"]
    assert {one["name"]: one["state"] for one in found["standings"]} == {
        "Klinikum Ruhraue gGmbH": "silent",
        "Polizeidirektion Rhein-Ruhr": "received",
    }


def test_only_the_source_sees_who_reacted(office: Office) -> None:
    refused = office.member("gross", "receipts", "M-1", check=False)
    assert (refused.status == 1 and "not-entitled" in refused.err) or "publishers" in refused.err


def test_a_question_is_answered_and_the_answer_read(office: Office) -> None:
    office.member("aydin", "ask", "M-1", "--text", "Darf der Dienstleister das wissen?", "--organisation", "IT GmbH")
    waiting = office.member("brandt", "questions")
    assert "Darf der Dienstleister das wissen?" in waiting.out and "IT GmbH" in waiting.out
    (question,) = office.member("brandt", "questions", "--json").json["questions"]
    done = office.member(
        "brandt", "answer", question["statement"][:12], "--permit", "Anneliese Groß", "--text", "Ja.", "--yes"
    )
    assert "answered: Miriam Aydın" in done.err
    got = office.member("aydin", "answers")
    assert "granted: may be passed on to" in got.out and "Ja." in got.out
    assert office.member("brandt", "questions").err.strip().endswith("no open questions")


def test_an_answer_either_permits_or_declines(office: Office) -> None:
    refused = office.member("brandt", "answer", "abcdef", check=False)
    assert refused.status == 2 and "--permit" in refused.err
