"""The configuration: its reference, its documentation, and what it answers to mistakes."""

import tomllib
from pathlib import Path

import pytest

from exchange.config import Config, ConfigError, load, parse, reference, reference_toml

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "config.toml"


def refused(path: Path, text: str) -> ConfigError:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(path)
    return caught.value


def test_the_reference_file_is_the_text_the_code_gives():
    assert REFERENCE.read_text(encoding="utf-8") == reference_toml()


def test_the_reference_file_holds_every_key_with_its_default():
    written = tomllib.loads(REFERENCE.read_text(encoding="utf-8"))
    defaults = Config().model_dump(mode="json")
    assert written == defaults


def test_every_key_of_the_reference_file_has_a_line_with_unit_and_meaning():
    lines = REFERENCE.read_text(encoding="utf-8").splitlines()
    keys = [number for number, line in enumerate(lines) if " = " in line and not line.startswith("#")]
    assert len(keys) == len(reference())
    for number in keys:
        unit, _, meaning = lines[number - 1].removeprefix("# ").partition(": ")
        assert lines[number - 1].startswith("# ") and unit and len(meaning) > 10, lines[number]


def test_the_documentation_lists_every_key_with_default_unit_and_meaning():
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `") and "." in line.split("`")[1]]
    assert rows == [f"| `{key.dotted}` | `{key.default}` | {key.unit} | {key.meaning} |" for key in reference()]


@pytest.mark.parametrize("code", ["config-unreadable", "config-syntax", "config-unknown-key", "config-value"])
def test_the_documentation_names_every_error(code: str):
    assert f"`{code}`" in (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")


def test_without_a_file_the_defaults_hold():
    assert load(None) == Config() == load(REFERENCE)


def test_a_file_changes_only_what_it_names(tmp_path: Path):
    path = tmp_path / "own.toml"
    path.write_text('[server]\nport = 0\ntrusted_proxies = ["127.0.0.1"]\n', encoding="utf-8")
    config = load(path)
    assert (config.server.port, config.server.trusted_proxies) == (0, ("127.0.0.1",))
    assert config.limits == Config().limits and config.server.data == Config().server.data


def test_a_loaded_configuration_is_frozen():
    with pytest.raises(ValueError, match="frozen"):
        load(None).limits.session_seconds = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "unknown", "nearest"),
    [
        ("[limits]\nsesion_seconds = 600\n", "limits.sesion_seconds", "limits.session_seconds"),
        ("[limit]\nsession_seconds = 600\n", "limit", "limits"),
        ("[server]\nkeepalive_seconds = 5\n", "server.keepalive_seconds", "feed.keepalive_seconds"),
        ("port = 80\n", "port", "server.port"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_known_one(tmp_path: Path, text: str, unknown: str, nearest: str):
    error = refused(tmp_path / "own.toml", text)
    assert error.code == "config-unknown-key"
    assert f"unknown key {unknown}; the nearest known key is {nearest}" in str(error)


def test_an_unknown_key_near_nothing_points_to_the_reference(tmp_path: Path):
    assert "see config.toml" in str(refused(tmp_path / "own.toml", "[zzzzqqq]\n"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[limits]\nsession_seconds = '600'\n", "limits.session_seconds: input should be a valid integer, not '600'"),
        ("[limits]\nsession_seconds = true\n", "limits.session_seconds: input should be a valid integer, not True"),
        (
            "[limits]\nsession_seconds = 0\n",
            "limits.session_seconds: input should be greater than or equal to 60, not 0",
        ),
        ("[limits]\nstatements_per_request = 257\n", "less than or equal to 256, not 257"),
        ("[log]\nlevel = 'loud'\n", "log.level: input should be 'debug', 'info', 'warning' or 'error', not 'loud'"),
        ("server = 3\n", "server: is a table, written [server]"),
        ("[server]\nhead_file = 'var/server/head'\n", "server: head_file lies inside data"),
    ],
)
def test_a_bad_value_is_named_with_its_key(tmp_path: Path, text: str, said: str):
    error = refused(tmp_path / "own.toml", text)
    assert error.code == "config-value" and said in str(error)


def test_a_bad_value_is_answered_with_unit_and_default():
    with pytest.raises(ConfigError, match=r"\(takes seconds; default 600\)"):
        parse({"limits": {"session_seconds": -1}}, "own.toml")


def test_all_bad_values_are_named_at_once():
    with pytest.raises(ConfigError) as caught:
        parse({"limits": {"session_seconds": 0, "queue_length": 0}}, "own.toml")
    assert len(str(caught.value).splitlines()) == 2


def test_what_is_no_toml_is_refused_with_its_place(tmp_path: Path):
    error = refused(tmp_path / "own.toml", "[server\n")
    assert error.code == "config-syntax" and "line 1" in str(error)


def test_a_duplicate_key_is_refused(tmp_path: Path):
    assert refused(tmp_path / "own.toml", "[server]\nport = 1\nport = 2\n").code == "config-syntax"


def test_a_missing_file_is_refused(tmp_path: Path):
    with pytest.raises(ConfigError, match="no such file") as caught:
        load(tmp_path / "absent.toml")
    assert caught.value.code == "config-unreadable"


def test_an_endless_file_is_refused(tmp_path: Path):
    assert refused(tmp_path / "own.toml", "#" * 70_000).code == "config-unreadable"


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path):
    path = tmp_path / "own.toml"
    path.write_bytes('[log]\nlevel = "info"\n'.encode("utf-16"))
    with pytest.raises(ConfigError, match="is not UTF-8"):
        load(path)
