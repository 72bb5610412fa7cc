"""The example files under docs/examples: well-formed, consistent with each other, and free of real people.

Reads the files with the standard library alone, so that a mistake in the product's own reader cannot hide one here.
The recipients of each warning are recomputed by a short reading of docs/spec/policy.md (R1 to R7) and compared with
the list that a human wrote into the file; the product's policy is tested elsewhere. The format of the files stands in
docs/examples/README.md.
"""

import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
PUBLISHED = sorted((EXAMPLES / "alerts").glob("*.md"))
REFUSED = sorted((EXAMPLES / "refused").glob("*.md"))

LABELS = {"RED", "AMBER+STRICT", "AMBER", "GREEN", "CLEAR"}
MAY_PUBLISH = {
    "authority": LABELS,
    "chamber": {"AMBER", "GREEN", "CLEAR"},
    "municipality": LABELS - {"RED"} - {"CLEAR"},
    "company": set[str](),
}
ROLES = {"officer", "author", "approver", "administrator", "auditor"}
VALUES = {
    "language": {"de", "en"},
    "label": LABELS,
    "kind": {
        "incident.physical", "incident.it", "vulnerability", "threat", "wanted", "event", "situation", "request",
        "all-clear",
    },
    "urgency": {"immediate", "expected", "future", "past", "unknown"},
    "severity": {"extreme", "severe", "moderate", "minor", "unknown"},
    "certainty": {"observed", "likely", "possible", "unlikely", "unknown"},
}  # fmt: skip
REQUIRED = {"title", "valid_for", "contact", "demo", *VALUES}
OPTIONAL = {
    "number", "exercise", "acknowledge_within", "place", "approvers", "attachments", "audience", "stix", "translation",
}  # fmt: skip
ADVICE = {"de": "## Was ist zu tun", "en": "## What to do"}
WORDS = range(80, 251)  # of a body
# Ranges the Bundesnetzagentur keeps free for films and books (numbers for media productions).
FICTIONAL_NUMBER = re.compile(
    r"030 23125 \d{3}|0221 4710 \d{3}|089 99998 \d{3}|069 90009 \d{3}|040 66969 \d{3}|0152 28817386|0152 28895456"
)
MEDIA_SIZES = {".json": range(1_000, 20_001), ".jpg": range(60_000, 150_001), ".pdf": range(20_000, 60_001)}  # bytes


@dataclass(frozen=True, slots=True)
class Source:
    """One warning: its front matter and its Markdown body."""

    path: Path
    front: dict[str, Any]
    body: str

    @property
    def texts(self) -> dict[str, str]:
        """The body by language: one, or two with a line ``+++ en`` or ``+++ de`` between them."""
        first = self.front["language"]
        if "translation" not in self.front:
            return {first: self.body}
        second = self.front["translation"]["language"]
        one, two = self.body.split(f"\n+++ {second}\n")
        return {first: one, second: two}

    @property
    def files(self) -> list[str]:
        """Names of attachments, the STIX bundle last."""
        return [*self.front.get("attachments", ()), *([self.front["stix"]] if "stix" in self.front else [])]

    @property
    def demo(self) -> dict[str, Any]:
        """The table that only the demo reads."""
        return dict(self.front["demo"])

    @property
    def audience(self) -> dict[str, Any]:
        """The audience expression; empty for CLEAR."""
        return dict(self.front.get("audience", {}))


def read(path: Path) -> Source:
    """Split a source file at its two ``+++`` lines."""
    opening, front, body = re.split(r"^\+\+\+\n", path.read_text(encoding="utf-8"), maxsplit=2, flags=re.MULTILINE)
    assert opening == "", path.name
    return Source(path, tomllib.loads(front), body)


def hours(text: str) -> int:
    """Hours in a duration such as ``36h`` or ``14d``."""
    found = re.fullmatch(r"([1-9]\d*)([hd])", text)
    assert found, text
    return int(found[1]) * (24 if found[2] == "d" else 1)


PARTNERSHIP = tomllib.loads((EXAMPLES / "partnership.toml").read_text(encoding="utf-8"))
ORGANISATIONS: list[dict[str, Any]] = PARTNERSHIP["organisation"]
PERSONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    person["handle"]: (organisation, person) for organisation in ORGANISATIONS for person in organisation["person"]
}
BY_NAME = {person["name"]: handle for handle, (_, person) in PERSONS.items()}
SOURCES = [read(path) for path in PUBLISHED + REFUSED]
SECOND = [read(path) for path in sorted((EXAMPLES / "second").glob("*.md"))]
LATER: dict[str, Any] = tomllib.loads((EXAMPLES / "second" / "partnership.toml").read_text(encoding="utf-8"))
every_source = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.path.stem)
every_published = pytest.mark.parametrize("source", SOURCES[: len(PUBLISHED)], ids=lambda source: source.path.stem)


def recipients(source: Source) -> set[str]:
    """Handles of all recipients, by docs/spec/policy.md; author and candidate approvers are always among them."""
    if source.front["label"] == "CLEAR":
        return set()
    audience, green, red = source.audience, source.front["label"] == "GREEN", source.front["label"] == "RED"
    everyone = audience.get("everyone", False)
    sectors, areas = set(audience.get("sectors", ())), tuple(audience.get("areas", ()))
    topics, fields = set(audience.get("topics", ())), audience.keys() & {"sectors", "areas", "topics"}
    found = {source.demo["author"], *(BY_NAME[name] for name in source.front.get("approvers", ()))}
    for handle, (organisation, person) in PERSONS.items():
        if organisation.get("suspended", False) or "auditor" in person["roles"]:
            continue
        placed = (not sectors or bool(sectors & set(organisation["sectors"]))) and (
            not areas or any(area.startswith(areas) for area in organisation["areas"])
        )
        topical = not topics or bool(topics & set(person["topics"]))
        organisation_named = organisation["name"] in audience.get("organisations", ())
        named = person["name"] in audience.get("persons", ())
        if red:
            chosen = named
        elif green:
            chosen = everyone or organisation_named or named or (bool(fields) and placed and topical)
        else:
            addressed = everyone or organisation_named or (bool(fields) and placed)
            chosen = "officer" in person["roles"] and topical and (addressed or named)
        if chosen:
            found.add(handle)
    return found


def keyless(handle: str) -> bool:
    """Has this person no device with a usable key?"""
    return all(device.get("keyless", False) for device in PERSONS[handle][1]["devices"])


def test_the_partnership_is_founded_by_two_of_three_registrars() -> None:
    assert PARTNERSHIP.keys() == {"exchange", "registrar", "terms", "organisation"}
    assert PARTNERSHIP["exchange"].keys() == {"origin", "title", "threshold"}
    names = [registrar["name"] for registrar in PARTNERSHIP["registrar"]]
    assert len(set(names)) == 3 and PARTNERSHIP["exchange"]["threshold"] == 2
    assert not set(names) & BY_NAME.keys()
    assert (EXAMPLES / PARTNERSHIP["terms"]["file"]).is_file() and PARTNERSHIP["terms"]["version"] == 1
    assert hours(PARTNERSHIP["terms"]["accept_within"]) > 0


def test_handles_and_names_are_unique() -> None:
    people = [person for organisation in ORGANISATIONS for person in organisation["person"]]
    handles = [subject["handle"] for subject in [*ORGANISATIONS, *people]]
    names = [subject["name"] for subject in [*ORGANISATIONS, *people]]
    assert len(handles) == len(set(handles)) and len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z][a-z0-9-]{0,31}", handle) for handle in handles)


@pytest.mark.parametrize("organisation", ORGANISATIONS, ids=lambda organisation: organisation["handle"])
def test_an_organisation_is_described_in_known_words(organisation: dict[str, Any]) -> None:
    required = {"handle", "name", "kind", "sectors", "areas", "contact", "expires_in", "person"}
    assert required <= organisation.keys() <= required | {"suspended"}
    assert organisation["kind"] in MAY_PUBLISH
    assert 0 < hours(organisation["expires_in"]) <= 3 * 366 * 24
    assert all(re.fullmatch(r"\d{2}|\d{3}|\d{5}|\d{8}", area) for area in organisation["areas"])
    for person in organisation["person"]:
        assert person.keys() == {"handle", "name", "title", "contact", "roles", "topics", "devices"}
        roles = set(person["roles"])
        assert roles and roles <= ROLES and (roles == {"auditor"} or "auditor" not in roles)
        assert person["topics"] == sorted(set(person["topics"]))
        assert person["devices"] and all({"label"} <= d.keys() <= {"label", "keyless"} for d in person["devices"])
    words = [*organisation["sectors"], *(topic for person in organisation["person"] for topic in person["topics"])]
    assert all(re.fullmatch(r"[a-z0-9-]{1,32}", word) for word in words)


def test_six_companies_in_four_sectors_and_three_areas_have_one_to_three_officers_each() -> None:
    companies = [organisation for organisation in ORGANISATIONS if organisation["kind"] == "company"]
    assert len(companies) == 6 and len([company for company in companies if company.get("suspended", False)]) == 1
    assert len({sector for company in companies for sector in company["sectors"]}) == 4
    assert {area for company in companies for area in company["areas"]} == {"05113000", "05911000", "05112000"}
    for company in companies:
        assert 1 <= len(company["person"]) <= 3
        assert all("officer" in person["roles"] for person in company["person"])
        assert len([person for person in company["person"] if "administrator" in person["roles"]]) == 1


def test_publishers_have_distinct_persons_for_author_approver_and_administrator() -> None:
    roles = {
        kind: [set(person["roles"]) & {"author", "approver", "administrator"} for person in organisation["person"]]
        for organisation in ORGANISATIONS
        if (kind := organisation["kind"]) in {"authority", "chamber"}
    }
    assert roles["authority"] == [{"author"}, {"approver"}, {"administrator"}]
    assert roles["chamber"] == [{"author"}, {"administrator"}]


def test_there_is_one_auditor_and_one_device_without_a_usable_key() -> None:
    assert [handle for handle, (_, person) in PERSONS.items() if person["roles"] == ["auditor"]] == ["sommer"]
    assert [handle for handle in PERSONS if keyless(handle)] == ["kaya"]


@every_source
def test_the_front_matter_has_known_keys_and_values(source: Source) -> None:
    assert source.front.keys() >= REQUIRED and source.front.keys() <= REQUIRED | OPTIONAL
    for key, allowed in VALUES.items():
        assert source.front[key] in allowed, key
    assert isinstance(source.front.get("exercise", False), bool)
    assert len(source.front["title"]) <= 100
    assert 0 < hours(source.front["valid_for"]) <= 3 * 366 * 24
    if "acknowledge_within" in source.front:
        assert hours(source.front["acknowledge_within"]) <= hours(source.front["valid_for"])
    assert source.demo.keys() <= {"author", "approve_by", "receives", "keyless", "expect_rule"}


@every_source
def test_the_audience_names_subjects_of_the_partnership(source: Source) -> None:
    audience = source.audience
    assert bool(audience) == (source.front["label"] != "CLEAR")
    if "everyone" in audience:
        assert audience == {"everyone": True}
        return
    assert audience.keys() <= {"organisations", "sectors", "areas", "topics", "persons"}
    assert all(values and len(values) == len(set(values)) for values in audience.values())
    assert set(audience.get("organisations", ())) <= {organisation["name"] for organisation in ORGANISATIONS}
    assert set(audience.get("persons", ())) <= BY_NAME.keys()
    assert set(audience.get("sectors", ())) <= {sector for org in ORGANISATIONS for sector in org["sectors"]}
    assert set(audience.get("topics", ())) <= {topic for _, person in PERSONS.values() for topic in person["topics"]}
    assert all(re.fullmatch(r"\d{2}|\d{3}|\d{5}|\d{8}", area) for area in audience.get("areas", ()))


@every_source
def test_author_and_approvers_are_different_persons_of_one_organisation(source: Source) -> None:
    organisation, author = PERSONS[source.demo["author"]]
    assert "author" in author["roles"]
    candidates = [PERSONS[BY_NAME[name]] for name in source.front.get("approvers", ())]
    for home, approver in candidates:
        assert home is organisation and "approver" in approver["roles"] and approver is not author
    if "approve_by" in source.demo:
        assert PERSONS[source.demo["approve_by"]] in candidates


@every_source
def test_approval_is_given_where_r8_demands_it(source: Source) -> None:
    front = source.front
    loud = front["label"] in {"RED", "CLEAR"} or "everyone" in source.audience
    demanded = loud and (front["label"] == "RED" or front["urgency"] != "immediate")
    assert ("approve_by" in source.demo) == demanded


@every_source
def test_the_body_ends_in_advice_and_has_a_readable_length(source: Source) -> None:
    for language, body in source.texts.items():
        heading = ADVICE[language]
        assert body.count(f"\n{heading}\n") == 1 and body.startswith("\n") and body.endswith("\n")
        assert re.findall(r"^#+ .*$", body, re.MULTILINE) == [heading]
        assert len(body.split()) in WORDS


@every_source
def test_an_attachment_is_a_file_beside_its_source(source: Source) -> None:
    for name in source.files:
        assert Path(name).name == name and (source.path.parent / name).is_file()


@every_published
def test_the_written_recipients_are_those_of_the_policy(source: Source) -> None:
    assert source.front["label"] in MAY_PUBLISH[PERSONS[source.demo["author"]][0]["kind"]]
    computed = recipients(source)
    written, without_key = source.demo.get("receives", []), source.demo.get("keyless", [])
    assert written == sorted(h for h in computed if not keyless(h))
    assert without_key == sorted(h for h in computed if keyless(h))
    if source.front["label"] != "CLEAR":
        assert set(written) - {source.demo["author"], source.demo.get("approve_by")}


def test_published_warnings_cover_every_label_kind_language_and_way_of_addressing() -> None:
    published = SOURCES[: len(PUBLISHED)]
    assert len(published) >= 14
    labels = [source.front["label"] for source in published]
    assert all(labels.count(label) >= 2 for label in LABELS)
    for key in ("kind", "language"):
        assert {source.front[key] for source in published} == VALUES[key]
    used = {field for source in published for field in source.audience}
    assert used == {"everyone", "organisations", "sectors", "areas", "topics", "persons"}
    assert any(source.front.get("exercise", False) for source in published)
    assert any(source.front["urgency"] == "immediate" for source in published)
    assert {Path(name).suffix for source in published for name in source.files} == {".jpg", ".json", ".pdf"}
    assert [set(source.texts) for source in published if len(source.texts) == 2] == [{"de", "en"}]
    assert [source.front["label"] for source in published if "stix" in source.front] == ["AMBER"]
    numbers = [source.front["number"] for source in SOURCES]
    assert len(numbers) == len(set(numbers))


def test_each_refused_warning_breaks_the_rule_it_names() -> None:
    by_rule = {source.demo["expect_rule"]: source for source in SOURCES[len(PUBLISHED) :]}
    assert by_rule.keys() == {"R2", "R3", "R9", "R16"} and len(by_rule) == len(REFUSED)
    author_kind = PERSONS[by_rule["R2"].demo["author"]][0]["kind"]
    assert by_rule["R2"].front["label"] not in MAY_PUBLISH[author_kind]
    assert by_rule["R3"].front["label"] == "RED" and by_rule["R3"].audience.keys() != {"persons"}
    assert recipients(by_rule["R9"]) == {by_rule["R9"].demo["author"]}
    assert by_rule["R16"].front["label"] == "RED"
    assert any(keyless(BY_NAME[name]) for name in by_rule["R16"].audience["persons"])
    for rule, source in by_rule.items():  # one defect each: the others are addressed and published rightly
        if rule != "R2":
            assert source.front["label"] in MAY_PUBLISH[PERSONS[source.demo["author"]][0]["kind"]]


def test_every_file_beside_the_warnings_is_used_and_has_its_format() -> None:
    media = {path for folder in ("alerts", "refused") for path in (EXAMPLES / folder).iterdir() if path.suffix != ".md"}
    named = {source.path.parent / name for source in SOURCES for name in source.files}
    assert media == named
    for path in media:
        content = path.read_bytes()
        assert len(content) in MEDIA_SIZES[path.suffix]
        if path.suffix == ".jpg":
            assert content[:3] == b"\xff\xd8\xff" and content[-2:] == b"\xff\xd9" and b"Exif\x00\x00" not in content
        elif path.suffix == ".json":
            assert json.loads(content)["type"] == "bundle" and b"://" not in content
        else:
            assert content.startswith(b"%PDF-") and content.rstrip().endswith(b"%%EOF")
            assert re.search(rb"/Count 2\b", content)


def test_addresses_and_telephone_numbers_are_fictional() -> None:
    own = ("partnership.toml", "terms.md", "README.md", "second/partnership.toml", "second/uebung.toml")
    texts = [(EXAMPLES / name).read_text(encoding="utf-8") for name in own]
    texts += [source.path.read_text(encoding="utf-8") for source in [*SOURCES, *SECOND]]
    for text in texts:
        assert all(domain.endswith(".example") for domain in re.findall(r"@([\w.-]*\w)", text))
        assert "://" not in text
        for number in re.findall(r"(?<![\d\"/`-])0\d{2,4} \d[\d ]*\d", text):
            assert FICTIONAL_NUMBER.fullmatch(number), number


def test_the_readme_lists_every_example() -> None:
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    for source in [*SOURCES, *SECOND]:
        row = re.search(rf"^\| `{re.escape(source.path.stem)}` \| (\S+) \|", readme, re.MULTILINE)
        assert row and row[1] in {source.front.get("label", "(GREEN)"), source.demo.get("expect_rule")}, (
            source.path.stem
        )


def test_the_second_act_updates_a_warning_and_leaves_its_label_and_audience_as_they_were() -> None:
    update, *others = SECOND
    assert update.path.name.startswith("20-") and 0 < len(update.front["changed"]) <= 2_000
    assert not update.front.keys() & {"label", "audience", "exercise", "number"}
    assert all("changed" not in source.front and source.front["label"] == "GREEN" for source in others)
    assert update.demo["receives"] == sorted([*recipients(SOURCES[0]), "falk"])


def test_the_company_of_the_second_act_is_new_and_a_member_for_seconds() -> None:
    (company,) = LATER["organisation"]
    (person,) = company["person"]
    assert company["handle"] not in {o["handle"] for o in ORGANISATIONS} and person["handle"] not in PERSONS
    assert company["name"] not in {o["name"] for o in ORGANISATIONS} and person["name"] not in BY_NAME
    assert re.fullmatch(r"[1-9]\d?s", company["expires_in"])
    assert company["sectors"] == ["crafts"] and set(person["roles"]) == {"administrator", "officer"}


@pytest.mark.parametrize("source", SECOND[1:], ids=lambda source: source.path.stem)
def test_the_second_acts_recipients_are_those_of_the_policy_with_the_company_while_it_is_a_member(
    source: Source,
) -> None:
    (company,) = LATER["organisation"]
    assert set(source.audience["sectors"]) & set(company["sectors"])
    lapsed = source.demo.get("left_out", {})
    assert lapsed in ({}, {"falk": "membership-expired"})
    assert source.demo["receives"] == sorted(recipients(source) | ({"falk"} - lapsed.keys()))


@pytest.mark.parametrize("source", SECOND, ids=lambda source: source.path.stem)
def test_a_source_of_the_second_act_has_known_values_and_advice(source: Source) -> None:
    for key in VALUES.keys() & source.front.keys():
        assert source.front[key] in VALUES[key], key
    assert source.body.count(f"\n{ADVICE['de']}\n") == 1 and len(source.body.split()) in WORDS


def test_the_drill_has_two_exercises_a_second_apart() -> None:
    script = tomllib.loads((EXAMPLES / "second" / "uebung.toml").read_text(encoding="utf-8"))
    steps = [(step["after"], step["source"]) for step in script["step"]]
    assert steps == [("0s", SECOND[2].path.name), ("1s", SECOND[3].path.name)]
    assert [source.front.get("exercise", False) for source in SECOND] == [False, False, True, True]
