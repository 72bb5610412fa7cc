"""A drill on the command line: a script of exercises, goes on after an interruption, times by organisation."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange.cli.times import clock_time
from tests.cli.flow import Office, begin, enrol, found, served
from tests.cli.test_alert_flow import source

pytestmark = pytest.mark.timeout(240)
SCRIPT = """title = "Herbstübung"

[[step]]
after = "0s"
source = "D-1.md"

[[step]]
after = "1s"
source = "D-2.md"
"""


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    office = found(tmp_path_factory.mktemp("drill"))
    with served(office) as url:
        registry = begin(office, url)
        enrol(office, registry, "wirth", "brandt", "aydin", "gross")
        office.member("wirth", "terms", "accept", "--yes")
        office.member("aydin", "terms", "accept", "--yes")
        for handle in ("brandt", "aydin", "gross"):
            office.member(handle, "inbox")
        for name in ("D-1", "D-2"):
            source(office, name, more="exercise = true", title=f"Übung {name}")
        yield office


@pytest.fixture
def script(office: Office) -> Path:
    path = office.folder / "herbst.toml"
    path.write_text(SCRIPT, encoding="utf-8")
    return path


def test_a_drill_that_would_send_a_real_warning_is_refused_before_it_begins(office: Office) -> None:
    source(office, "R-1")
    path = office.folder / "echt.toml"
    path.write_text(SCRIPT.replace("D-2.md", "R-1.md"), encoding="utf-8")
    refused = office.member("brandt", "drill", "run", path, "--yes", check=False)
    assert refused.status == 1 and "drill-not-exercise" in refused.err
    assert not path.with_name("echt.run.json").exists()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("1s", "-1s"),
        ("[[step]]", "[step]"),
        ("title", "titel"),
        ('after = "0s"', 'after = "9m"'),
        ("D-2.md", "../D-2.md/none"),
    ],
)
def test_a_script_with_a_mistake_is_named(office: Office, old: str, new: str) -> None:
    path = office.folder / "falsch.toml"
    path.write_text(SCRIPT.replace(old, new), encoding="utf-8")
    refused = office.member("brandt", "drill", "run", path, "--yes", check=False)
    assert refused.status == 1 and refused.err


def test_a_drill_is_sent_interrupted_resumed_and_measured_by_organisation(office: Office, script: Path) -> None:
    sent = office.member("brandt", "drill", "run", script, "--yes", "--json").json
    assert len(sent["sent"]) == 2
    run = script.with_name("herbst.run.json")
    kept = json.loads(run.read_text())
    # Interrupted before the second step was noted: it is sent, and the first one is not sent again.
    run.write_text(json.dumps({**kept, "sent": kept["sent"][:1]}))
    again = office.member("brandt", "drill", "run", script, "--yes", "--json").json
    assert again["sent"][0] == sent["sent"][0] and again["sent"][1] != sent["sent"][1]

    office.member("gross", "inbox")
    office.member("gross", "ack", sent["sent"][0][:12], "--level", "in-hand")
    found = office.member("brandt", "drill", "report", run, "--json").json
    first, second = found["steps"]
    (hospital,) = first["organisations"]
    assert hospital["name"] == "Klinikum Ruhraue gGmbH"
    assert set(hospital["seconds"]) == {"delivered", "received", "read", "reacted"}
    assert 0 <= hospital["seconds"]["delivered"] <= hospital["seconds"]["reacted"] < 120
    assert "reacted" not in second["organisations"][0]["seconds"]
    shown = office.member("brandt", "drill", "report", run)
    assert "1. Übung D-1" in shown.out and "median (how many)" in shown.out and "(1/1)" in shown.out
    assert "without a ranking" in shown.err


def test_durations_read_like_a_clock() -> None:
    assert [clock_time(seconds) for seconds in (0, 59, 61, 3600, 3723)] == [
        "0:00",
        "0:59",
        "1:01",
        "1:00:00",
        "1:02:03",
    ]
