"""``exchange mirror`` as another authority runs it: beside a real server, in processes of its own."""

from __future__ import annotations

import re
import shlex
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from tests.cli.flow import ROOT, Office, background, begin, enrol, exchange, found, served


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    made = found(tmp_path_factory.mktemp("office"))
    with served(made) as url:
        enrol(made, begin(made, url), "vogt")
        yield made


def fetched(url: str) -> bytes:
    with urllib.request.urlopen(url) as answer:
        data: bytes = answer.read()
    return data


def test_a_member_mirrors_both_logs_and_serves_them(office: Office, tmp_path: Path) -> None:
    folder = tmp_path / "mirror"
    done = office.member("vogt", "mirror", folder, "--once")
    assert "mirrored to" in done.err and len(done.out.splitlines()) == 2
    member = ["--home", office.home("vogt"), "--passphrase-file", office.passphrase]
    with background(tmp_path / "log", "mirror", folder, "--port", "0", *member) as url:
        for log in ("registry", "journal"):
            place = f"{url}/{sha256(f'exchange.example/{log}'.encode()).hexdigest()}"
            assert fetched(f"{place}/checkpoint") == fetched(f"{office.url}/{log}/checkpoint")
        registry = f"{url}/{sha256(b'exchange.example/registry').hexdigest()}"
        size = int(fetched(f"{registry}/checkpoint").split(b"\n")[1])
        tile = f"tile/0/000.p/{size}"
        assert fetched(f"{registry}/{tile}") == fetched(f"{office.url}/registry/{tile}")
        with pytest.raises(urllib.error.HTTPError) as caught:
            fetched(f"{registry}/tile/entries/000.p/{size}")
        assert caught.value.code == 404
        caught.value.close()


def test_a_mirror_that_stopped_says_so_and_ends_with_status_1(office: Office, tmp_path: Path) -> None:
    folder = tmp_path / "mirror"
    office.member("vogt", "mirror", folder, "--once")
    (folder / "stopped-0.json").write_text("{}")
    refused = office.member("vogt", "mirror", folder, "--once", check=False)
    assert refused.status == 1 and "[mirror-stopped]" in refused.err and "stopped-0.json" in refused.err


def test_the_page_of_a_witness_can_be_followed_word_by_word(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("founding.json", "other-founding.json"):
        shutil.copy(office.folder / "founding.json", name)
    shutil.copytree(office.home("vogt"), "home")
    shutil.copy(office.passphrase, "passphrase")
    page = (ROOT / "docs" / "using" / "witness.md").read_text(encoding="utf-8")
    found = re.findall(r"^(<!-- not run: [^\n]* -->\n)?```sh\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    assert [bool(marked) for marked, _ in found] == [False, True, False, False, True]
    for marked, block in found:
        for line in block.splitlines() if not marked else ():
            program, *words = shlex.split(line, comments=True)
            assert program == "exchange"
            exchange(*(office.exchange if word in ("ID", "OTHER") else word for word in words))
    assert Path("witness/witness.json").exists() and len(list(Path("copy").iterdir())) == 2


def test_a_witness_takes_the_founding_as_the_exchange_shows_it(office: Office, tmp_path: Path) -> None:
    (tmp_path / "exchange.json").write_bytes(fetched(f"{office.url}/v1/exchange"))
    made = exchange(
        "witness", "init", tmp_path / "exchange.json", "--exchange", office.exchange, "--home", tmp_path / "w",
        "--name", "witness.example", "--url", "https://witness.example", "--json",
    )  # fmt: skip
    assert made.json["logs"] == ["exchange.example/journal", "exchange.example/registry"]


def test_mirror_has_help_in_both_languages() -> None:
    assert "Ordner der Kopie" in exchange("mirror", "--help", lang="de").out
    assert "folder of the copy" in exchange("mirror", "--help", alone=True).out
