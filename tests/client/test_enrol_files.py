"""Invitations, device requests, partnership descriptions and homes: what is carried by hand is bounded, closed and checked."""

import json
from pathlib import Path

import pytest

from exchange.client import home as homes
from exchange.client import partnership
from exchange.client.enrol import (
    EnrolError,
    Preparation,
    batches,
    check_founding,
    commit,
    encode_invitation,
    parse_invitation,
    parse_request,
    request_of,
)
from exchange.client.home import HomeError, Invited, Membership
from exchange.model.statements import parse_statement
from keys import encoding
from keys.device import DeviceIdentity
from keys.errors import KeyFileError
from keys.registrar import SigningFile, SigningItem
from tests.support.world import START, Randomness, World

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "partnership.toml"
EXCHANGE = "ab" * 32
SEEN = {"journal": {"root": "cd" * 32, "size": 0}, "registry": {"root": "ef" * 32, "size": 1}}
PASSPHRASE = "eine lange Passphrase"


def _invited(random: Randomness, exchange: str = EXCHANGE) -> Invited:
    return Invited(
        exchange=exchange,
        name="Zeynep Kaya",
        organisation=random.id(),
        person=random.id(),
        roles=("officer",),
        url="https://exchange.example",
    )


def _preparation(random: Randomness) -> Preparation:
    return Preparation(EXCHANGE, SEEN, {"registrar": "12" * 32}, START, random)


def _code(call, *arguments, **named) -> str:
    with pytest.raises((EnrolError, HomeError, KeyFileError)) as error:
        call(*arguments, **named)
    return error.value.code


# -- invitations -------------------------------------------------------------------------------------------------------


def test_an_invitation_comes_back_from_its_line() -> None:
    invited = _invited(Randomness())
    line = encode_invitation(invited)
    assert line.startswith("tlpx1:") and "\n" not in line
    assert parse_invitation(f"Guten Tag,\n\n  {line}  \nFingerabdruck: 12345\n") == invited


@pytest.mark.parametrize(
    "text", ["", "tlpx1:", "tlpx1:!!!!", "tlpx2:e30", "tlpx1:e30", "tlpx1:eyJhIjoxfQ", "tlpx1:e30\ntlpx1:e30"]
)
def test_a_damaged_invitation_is_refused(text: str) -> None:
    assert _code(parse_invitation, text) == "bad-invitation"


def test_an_invitation_with_an_unknown_field_is_refused() -> None:
    value = {**_invited(Randomness()).to_json(), "passphrase": "x"}
    assert _code(parse_invitation, "tlpx1:" + encoding.b64u(encoding.encode(value))) == "bad-invitation"


# -- device requests -----------------------------------------------------------------------------------------------------


def test_a_device_request_comes_back_and_has_the_devices_fingerprint() -> None:
    random = Randomness()
    identity = DeviceIdentity.create(random)
    request = request_of(identity, _invited(random), "Notebook", random)
    again = parse_request(encoding.encode(request.to_json()))
    assert again == request
    assert again.fingerprint == identity.fingerprint
    assert [len(group) for group in again.fingerprint.split(" ")] == [5] * 12


@pytest.mark.parametrize("field", ["person", "organisation", "exchange", "scan"])
def test_a_device_request_moved_to_somebody_else_has_no_proof_of_possession(field: str) -> None:
    random = Randomness()
    value = request_of(DeviceIdentity.create(random), _invited(random), "Notebook", random).to_json()
    other = {"person": random.id(), "organisation": random.id(), "exchange": "00" * 32}
    value[field] = other.get(field, encoding.b64u(DeviceIdentity.create(random).scan))
    assert _code(parse_request, encoding.encode(value)) == "bad-request"


def test_a_request_never_brings_a_name_of_its_own() -> None:
    random = Randomness()
    value = request_of(DeviceIdentity.create(random), _invited(random), "Notebook", random).to_json()
    assert _code(parse_request, encoding.encode({**value, "name": "Katharina Brandt"})) == "bad-request"


# -- founding --------------------------------------------------------------------------------------------------------------


def test_a_founding_with_another_id_than_invited_is_another_exchange() -> None:
    assert _code(check_founding, World().founding().envelope, "00" * 32) == "other-exchange"


def test_a_founding_signed_by_one_registrar_only_is_refused() -> None:
    founding = World().founding().envelope
    half = type(founding)(founding.kind, founding.body, founding.signatures[:2])
    assert _code(check_founding, half, founding.statement_id) == "founding-invalid"


def test_another_statement_in_the_place_of_the_founding_is_refused() -> None:
    world = World().found()
    assert _code(check_founding, world.statements[1].envelope, None) == "founding-invalid"


# -- statements ------------------------------------------------------------------------------------------------------------


def test_each_field_has_a_salt_of_its_own_and_text_is_normalised() -> None:
    commitments, openings = commit(Randomness(), name="Ma\u0308rz", contact="x", title=None)
    assert commitments.keys() == {"name", "contact"}
    assert len({opening.salt for opening in openings}) == 2
    assert next(o.value for o in openings if o.field == "name") == "März"


@pytest.mark.parametrize("value", ["", "   ", "a\nb", "x" * 513])
def test_a_name_that_cannot_be_opened_is_refused_before_it_is_signed(value: str) -> None:
    assert _code(commit, Randomness(), name=value) == "bad-text"


def test_a_statement_that_the_exchange_would_refuse_is_not_carried_around() -> None:
    prepared = _preparation(Randomness())
    assert _code(prepared.person, Randomness().id(), name="X", roles=["king"]) == "bad-statement"


def test_batches_keep_the_order_and_the_exchanges_bounds() -> None:
    random = Randomness()
    prepared = _preparation(random)
    items = [prepared.person(random.id(), name=f"P {n}", roles=["officer"])[1] for n in range(600)]
    found = batches(items)
    assert [len(batch) for batch in found] == [256, 256, 88]
    assert [item for batch in found for item in batch] == items


# -- the description of a partnership ----------------------------------------------------------------------------------------


def _example() -> str:
    return EXAMPLE.read_text(encoding="utf-8")


def test_the_example_partnership_becomes_statements_in_order_and_one_invitation_a_person() -> None:
    described = partnership.parse(EXAMPLE.read_bytes())
    random = Randomness()
    items, invitees = partnership.statements(
        described, _preparation(random), url="https://x.example", document=b"terms", founded=False
    )
    kinds = [item.envelope.kind for item in items]
    assert kinds[:3] == ["policy.adopt", "terms.define", "organisation.admit"]
    assert kinds.count("organisation.admit") == len(described.organisations)
    people = sum(len(o.people) for o in described.organisations)
    assert kinds.count("person.enrol") == people == len({i.handle for i in invitees}) == len(invitees)
    for item in items:
        parse_statement(item.envelope)
    SigningFile(EXCHANGE, tuple(items)).check(START)


def test_names_stand_in_openings_only() -> None:
    described = partnership.parse(EXAMPLE.read_bytes())
    items, _ = partnership.statements(described, _preparation(Randomness()), url="u", document=b"", founded=False)
    bodies = b"".join(item.envelope.body for item in items).decode()
    for organisation in described.organisations:
        assert organisation.name not in bodies
        assert not [person for person in organisation.people if person.name in bodies]


def test_only_chosen_organisations_are_taken_when_the_partnership_has_begun() -> None:
    described = partnership.parse(EXAMPLE.read_bytes())
    items, invitees = partnership.statements(
        described, _preparation(Randomness()), url="u", document=b"", founded=True, only=["elektro-nowak"]
    )
    assert [item.envelope.kind for item in items] == ["organisation.admit", "person.enrol"]
    assert [invitee.handle for invitee in invitees] == ["nowak"]
    code = _code(
        partnership.statements, described, _preparation(Randomness()), url="u", document=None, founded=True, only=["x"]
    )
    assert code == "unknown-handle"


@pytest.mark.parametrize(("term", "seconds"), [("2d", 172_800), ("3h", 10_800), ("4m", 240), ("45s", 45)])
def test_a_membership_of_a_trial_may_be_shorter_than_a_day(term: str, seconds: int) -> None:
    text = _example().replace('expires_in = "365d"', f'expires_in = "{term}"', 1)
    assert seconds in [organisation.term for organisation in partnership.parse(text.encode()).organisations]


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ('topics = ["physical"]', 'topic = ["physical"]', "topics"),
        ('handle = "polizei"', 'handle = "../polizei"', "handle"),
        ('handle = "vogt"', 'handle = "brandt"', "twice"),
        ('expires_in = "730d"', 'expires_in = "2 years"', "730d"),
        ("[exchange]", "[exchanges]", "nearest known key is exchange"),
        ('roles = ["approver"]', 'roles = "approver"', "list of texts"),
    ],
)
def test_a_mistake_in_a_description_is_named(before: str, after: str, says: str) -> None:
    text = _example()
    assert before in text
    with pytest.raises(EnrolError, match=says):
        partnership.parse(text.replace(before, after, 1).encode())


# -- home --------------------------------------------------------------------------------------------------------------------


def _make(folder: Path, random: Randomness) -> homes.Home:
    founding = World().founding().envelope
    identity = DeviceIdentity.create(random)
    invited = _invited(random, founding.statement_id)
    request = request_of(identity, invited, "Notebook", random)
    membership = Membership(invited, founding, request.device, "Notebook")
    return homes.create(folder, membership, identity, PASSPHRASE, request.to_json())


def test_a_home_is_private_and_opens_with_its_passphrase_only(tmp_path: Path) -> None:
    made = _make(tmp_path / "home", Randomness())
    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700
    assert {p.stat().st_mode & 0o777 for p in (tmp_path / "home").iterdir()} == {0o600}
    opened = homes.open_home(tmp_path / "home", PASSPHRASE)
    assert opened.membership == made.membership and opened.identity.public == made.identity.public
    assert _code(homes.open_home, tmp_path / "home", "falsch, falsch") == "wrong-passphrase"


def test_a_home_is_never_overwritten(tmp_path: Path) -> None:
    _make(tmp_path, Randomness("one"))
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    assert _code(_make, tmp_path, Randomness("two")) == "home-exists"
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_a_half_made_home_is_not_taken_for_a_free_place(tmp_path: Path) -> None:
    _make(tmp_path, Randomness())
    (tmp_path / homes.MEMBERSHIP).unlink()
    assert homes.exists(tmp_path)
    assert _code(homes.read_membership, tmp_path) == "no-home"


def test_a_changed_identity_is_durable_and_of_the_same_device(tmp_path: Path) -> None:
    random = Randomness()
    home = _make(tmp_path, random)
    _, _, updated = home.identity.new_epochs([202640, 202641], random)
    homes.save_identity(home, updated)
    assert set(homes.open_home(tmp_path, PASSPHRASE).identity.epochs) == {202640, 202641}
    with pytest.raises(ValueError, match="one device"):
        home.save_identity(DeviceIdentity.create(random))


def test_a_key_file_changed_by_another_program_is_not_overwritten(tmp_path: Path) -> None:
    random = Randomness()
    _make(tmp_path, random)
    first, second = homes.open_home(tmp_path, PASSPHRASE), homes.open_home(tmp_path, PASSPHRASE)
    first.save_identity(first.identity.new_epochs([202640], random)[2])
    assert _code(second.save_identity, second.identity.new_epochs([202641], random)[2]) == "changed-meanwhile"


@pytest.mark.parametrize("field", ["founding", "device", "invited", "format", "label"])
def test_a_membership_without_one_of_its_fields_is_malformed(tmp_path: Path, field: str) -> None:
    _make(tmp_path, Randomness())
    value = json.loads((tmp_path / homes.MEMBERSHIP).read_text())
    del value[field]
    (tmp_path / homes.MEMBERSHIP).write_bytes(encoding.encode(value))
    assert _code(homes.read_membership, tmp_path) == "home-malformed"


def test_a_membership_whose_founding_is_anothers_is_malformed(tmp_path: Path) -> None:
    _make(tmp_path, Randomness())
    value = json.loads((tmp_path / homes.MEMBERSHIP).read_text())
    value["founding"] = World(seed="other").founding().envelope.to_json()
    (tmp_path / homes.MEMBERSHIP).write_bytes(encoding.encode(value))
    assert _code(homes.open_home, tmp_path, PASSPHRASE) == "home-malformed"


def test_a_signing_file_carries_what_was_prepared() -> None:
    random = Randomness()
    person, item = _preparation(random).person(random.id(), name="Jörg Bäumer", roles=["officer"], title="Leiter")
    carried = SigningFile.load(SigningFile(EXCHANGE, (SigningItem(item.envelope, item.openings),)).save())
    assert carried.items[0] == item and person in item.envelope.body.decode()
