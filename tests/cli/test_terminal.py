"""What reaches a terminal: neutral text, whole columns, times as people write them, and a passphrase never as an argument."""

import json
from pathlib import Path

import pytest

from exchange.cli.terminal import CommandError, Terminal, columns, safe, width
from exchange.cli.times import duration, iso, moment


@pytest.mark.parametrize(
    ("attack", "shown"),
    [
        ("\x1b[2Jleer", "<U+001B>[2Jleer"),
        ("a\rb", "a<U+000D>b"),
        ("gpj.\u202egnp.exe", "gpj.<U+202E>gnp.exe"),
        ("\u2066links\u2069", "<U+2066>links<U+2069>"),
        ("zero\u200bwidth", "zero<U+200B>width"),
        ("\x9b31m", "<U+009B>31m"),
        ("zwei\nZeilen", "zwei<U+000A>Zeilen"),
        ("\u2028", "<U+2028>"),
        ("\U000e0041", "<U+E0041>"),
        ("Miriam Aydın, Keßler", "Miriam Aydın, Keßler"),
    ],
)
def test_i10_control_and_direction_characters_are_shown_and_do_nothing(attack: str, shown: str) -> None:
    assert safe(attack) == shown


def test_i10_a_text_keeps_its_own_lines_and_nothing_more() -> None:
    assert safe("eins\n\tzwei\x1b[0m", lines=True) == "eins\n\tzwei<U+001B>[0m"


def test_i10_a_value_inside_talk_cannot_begin_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal("en").say("prepared_suspend", name="x\nhint: run this")
    assert capsys.readouterr().err.count("\n") == 1


def test_i10_json_is_ascii_so_that_nothing_in_it_acts_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    Terminal("en").json({"name": "\u202eß\x9b"})
    out = capsys.readouterr().out
    assert out.isascii() and json.loads(out) == {"name": "\u202eß\x9b"}


def test_columns_are_as_wide_as_their_widest_cell_and_nothing_is_cut() -> None:
    lines = columns([["Jörg", "x"], ["警告", "y" * 300]])
    assert width("警告") == 4
    assert lines[0] == "Jörg  x" and lines[1] == "警告  " + "y" * 300


def test_talk_is_stderr_and_data_is_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal("de")
    terminal.say("terms_accepted")
    terminal.data("42")
    captured = capsys.readouterr()
    assert captured.out == "42\n" and captured.err.startswith("Ihre Organisation")


def test_a_passphrase_comes_from_a_private_file(tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    file.write_text("correct horse\nrest\n")
    file.chmod(0o600)
    assert Terminal("de").passphrase(file) == "correct horse"


def test_a_passphrase_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    file.write_text("correct horse\n")
    file.chmod(0o644)
    with pytest.raises(CommandError) as error:
        Terminal("de").passphrase(file)
    assert error.value.key == "passphrase_file_open"


def test_the_environment_names_a_passphrase_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "passphrase"
    file.write_text("from the environment\n")
    file.chmod(0o600)
    monkeypatch.setenv("EXCHANGE_PASSPHRASE_FILE", str(file))
    assert Terminal("de").passphrase(None) == "from the environment"


def test_dates_are_written_as_people_write_them_in_berlin() -> None:
    assert moment(1_795_363_200, "de") == "22.11.2026, 17:00 Uhr"
    assert moment(1_795_363_200, "en") == "22 Nov 2026, 17:00 CET"
    assert moment(1_784_000_000, "de") == "14.07.2026, 05:33 Uhr"
    assert iso(1_795_363_200) == "2026-11-22T16:00:00Z"


def test_a_time_beyond_every_calendar_is_shown_as_it_is() -> None:
    assert moment(2**40 - 1, "de") == str(2**40 - 1) == iso(2**40 - 1)


@pytest.mark.parametrize(
    ("text", "seconds"), [("730d", 63_072_000), ("36h", 129_600), ("2w", 1_209_600), ("90m", 5_400)]
)
def test_durations(text: str, seconds: int) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "d", "0d", "-1d", "1.5h", "1y", "12"])
def test_what_is_not_a_duration_is_a_usage_error(text: str) -> None:
    with pytest.raises(CommandError) as error:
        duration(text)
    assert error.value.status == 2
