"""The command line as a whole: help, usage, exit status, one line for what was not expected."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from exchange.cli.__main__ import build, run
from exchange.cli.connect import SCHEMES
from exchange.client.errors import TransportError
from tests.cli.flow import ROOT, environment, exchange

COMMANDS = [command.name for command in build().registered_commands]
MEMBERS = ("devices", "inbox", "read", "ack", "watch", "preview", "publish", "approve")


@pytest.fixture
def broken() -> Iterator[None]:
    """Addresses whose transports fail in ways that nobody expected."""

    class Broken:
        def __init__(self, url: str) -> None:
            self.url = url

        async def request(self, *arguments: object, **named: object) -> None:
            match self.url.partition("://")[0]:
                case "bug":
                    raise KeyError("secret value")
                case "disk":
                    raise PermissionError(13, "Permission denied", "/some/file")
            raise ExceptionGroup("several", [TransportError("timeout", "late"), KeyError("x")])

    added = dict.fromkeys(("bug", "disk", "group"), Broken)
    SCHEMES.update(added)  # type: ignore[arg-type]
    yield
    for scheme in added:
        del SCHEMES[scheme]


def _join(scheme: str, folder: Path) -> list[str]:
    from exchange.client.enrol import encode_invitation
    from exchange.client.home import Invited
    from tests.support.world import Randomness

    random = Randomness()
    invited = Invited(
        exchange="00" * 32,
        name="X",
        organisation=random.id(),
        person=random.id(),
        roles=("officer",),
        url=f"{scheme}://x",
    )
    passphrase = folder / "passphrase"
    passphrase.write_text("lang genug, bestimmt\n")
    passphrase.chmod(0o600)
    return ["join", encode_invitation(invited), "--home", str(folder / "h"), "--passphrase-file", str(passphrase)]


@pytest.mark.parametrize("command", [*COMMANDS, "terms show", "terms accept", "audit export", "audit verify"])
def test_every_command_has_help_and_a_language(command: str) -> None:
    shown = exchange(*command.split(), "--help")
    assert "--lang" in shown.out and shown.err == ""


@pytest.mark.parametrize("command", MEMBERS)
def test_every_members_command_takes_home_passphrase_file_and_json(command: str) -> None:
    shown = exchange(command, "--help").out
    assert all(option in shown for option in ("--home", "--passphrase-file", "--json"))


def test_no_command_takes_a_passphrase_as_an_argument() -> None:
    for command in COMMANDS:
        assert "--passphrase " not in exchange(command, "--help").out


def test_help_is_german_unless_told_otherwise() -> None:
    run_help = subprocess.run(
        [sys.executable, "-m", "exchange.cli", "--help"], cwd=ROOT, env=environment(), capture_output=True, text=True,
        timeout=60, check=True,
    )  # fmt: skip
    assert "Meldungen abrufen" in run_help.stdout
    english = exchange("--help", lang="en", alone=True)
    assert "fetch and list alerts" in english.out
    assert "invitation file" in exchange("--lang", "en", "join", "--help", alone=True, lang="en").out


def test_without_a_command_the_help_is_the_answer_and_the_status_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and "inbox" in captured.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nonsense"], "no such command"),
        (["inbox", "--nonsense"], "no such option"),
        (["read"], "missing argument"),
        (["init"], "missing option"),
        (["inbox", "--lang", "fr"], "--lang"),
        (["watch", "--count", "x"], "--count"),
    ],
)
def test_a_usage_error_is_one_line_a_hint_and_status_2(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    assert run(arguments) == 2
    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    assert captured.out == "" and len(lines) == 2
    assert says in lines[0] and lines[0].startswith("exchange: ") and not lines[0].split(" [")[0].endswith(".")
    assert lines[1].startswith("hint: exchange ")


def test_without_a_home_it_says_what_comes_first(tmp_path: Path) -> None:
    refused = exchange("inbox", "--home", tmp_path, "--passphrase-file", _passphrase(tmp_path), check=False)
    assert refused.status == 1 and "[no-home]" in refused.err and "hint: first: exchange join" in refused.err


def _passphrase(folder: Path) -> Path:
    path = folder / "passphrase"
    path.write_text("lang genug, bestimmt\n")
    path.chmod(0o600)
    return path


def test_without_a_keyboard_a_passphrase_file_is_asked_for(tmp_path: Path) -> None:
    refused = exchange("inbox", "--home", tmp_path, check=False)
    assert refused.status == 2 and "hint: --passphrase-file" in refused.err


def test_an_unexpected_error_is_one_line_and_a_code_and_never_its_value(broken: None, tmp_path: Path) -> None:
    refused = exchange(*_join("bug", tmp_path), check=False)
    assert refused.status == 1 and "[internal-KeyError]" in refused.err and "secret value" not in refused.err
    assert "hint: EXCHANGE_DEBUG=1" in refused.err


def test_with_debug_an_unexpected_error_shows_where(
    broken: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXCHANGE_DEBUG", "1")
    with pytest.raises(KeyError):
        run(_join("bug", tmp_path))


def test_an_error_of_the_operating_system_names_file_and_reason(broken: None, tmp_path: Path) -> None:
    refused = exchange(*_join("disk", tmp_path), check=False)
    assert refused.status == 1 and "/some/file cannot be used: permission denied" in refused.err


def test_several_errors_at_once_are_told_by_the_first(broken: None, tmp_path: Path) -> None:
    refused = exchange(*_join("group", tmp_path), check=False)
    assert refused.status == 1 and "[timeout]" in refused.err


def test_with_json_an_error_is_json_on_stdout_too(broken: None, tmp_path: Path) -> None:
    refused = exchange(*_join("bug", tmp_path), "--json", check=False)
    assert json.loads(refused.out)["code"] == "internal-KeyError"


def test_a_configuration_with_a_mistake_is_a_usage_error(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("[server]\nprot = 1\n")
    refused = exchange("serve", "--config", config, check=False)
    assert refused.status == 2 and "server.port" in refused.err


def test_serve_without_keys_says_what_makes_them(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(f'[server]\nport = 0\ndata = "{tmp_path / "data"}"\nhead_file = "{tmp_path / "head"}"\n')
    refused = exchange("serve", "--config", config, check=False, alone=True)
    assert refused.status == 1 and "exchange init" in refused.err and "[keys-missing]" in refused.err


def test_an_audit_of_something_else_is_not_a_bundle(tmp_path: Path) -> None:
    refused = exchange("audit", "verify", tmp_path, check=False)
    assert refused.status == 2 and "[not-a-bundle]" in refused.err


def test_help_loads_nothing_that_is_slow() -> None:
    program = "import sys; from exchange.cli.__main__ import run; run(['--help']); print(*sys.modules, file=sys.stderr)"
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env={**os.environ, **environment()}, capture_output=True, text=True,
        timeout=60, check=True,
    )  # fmt: skip
    loaded = {name.partition(".")[0] for name in ran.stderr.split()}
    assert not loaded & {"aiohttp", "cryptography", "nacl", "pydantic", "rich", "sqlalchemy", "sqlite3"}
