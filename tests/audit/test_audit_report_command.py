"""``exchange audit verify --report`` and ``--pdf``: what is written, what is refused before anything is verified, the status."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.cli.flow import exchange
from tests.support.partnership import Partnership


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    scene = Partnership()
    scene.release()
    return scene.world.write_bundle(tmp_path_factory.mktemp("command") / "audit")


@pytest.mark.parametrize("lang", ["de", "en"])
def test_both_forms_are_written_and_said(bundle: Path, tmp_path: Path, lang: str) -> None:
    html, pdf = tmp_path / "report.html", tmp_path / "report.pdf"
    ran = exchange("audit", "verify", bundle, "--report", html, "--pdf", pdf, "--tlp", "amber+strict", lang=lang)
    assert html.read_text("utf-8").startswith(f'<!DOCTYPE html>\n<html lang="{lang}">')
    assert "TLP:AMBER+STRICT" in html.read_text("utf-8") and pdf.read_bytes().startswith(b"%PDF")
    assert {path.stat().st_mode & 0o777 for path in (html, pdf)} == {0o600}
    assert ran.err.count("report") >= 2


def test_a_script_gets_the_same_json_with_a_report_beside_it(bundle: Path, tmp_path: Path) -> None:
    alone = exchange("audit", "verify", bundle, "--json")
    beside = exchange("audit", "verify", bundle, "--json", "--report", tmp_path / "report.html")
    assert json.loads(alone.out) == json.loads(beside.out)


def test_a_file_that_is_there_is_not_overwritten_and_nothing_is_verified_for_it(bundle: Path, tmp_path: Path) -> None:
    html = tmp_path / "report.html"
    html.write_text("mine")
    for options in (("--report", html), ("--report", tmp_path / "new.html", "--pdf", html)):
        ran = exchange("audit", "verify", bundle, *options, check=False)
        assert ran.status == 1 and "file-exists" in ran.err and not ran.out
    assert html.read_text() == "mine" and not (tmp_path / "new.html").exists()


def test_a_refused_bundle_gets_a_report_and_status_1(bundle: Path, tmp_path: Path) -> None:
    scene = Partnership()
    bad = scene.world.write_bundle(tmp_path / "bad")
    next(bad.glob("statements/*/*.json")).unlink()
    ran = exchange("audit", "verify", bad, "--report", tmp_path / "report.html", check=False)
    assert ran.status == 1 and "verdict-no" in (tmp_path / "report.html").read_text("utf-8")


def test_without_a_bundle_there_is_no_report(tmp_path: Path) -> None:
    ran = exchange("audit", "verify", tmp_path, "--report", tmp_path / "report.html", check=False)
    assert ran.status == 2 and not (tmp_path / "report.html").exists()


def test_a_label_that_is_none_and_a_label_without_a_report_are_usage_errors(bundle: Path, tmp_path: Path) -> None:
    wrong = exchange("audit", "verify", bundle, "--report", tmp_path / "r.html", "--tlp", "pink", check=False)
    assert wrong.status == 2 and "bad-label" in wrong.err
    alone = exchange("audit", "verify", bundle, "--tlp", "amber", check=False)
    assert alone.status == 2 and "tlp-without-report" in alone.err


@pytest.mark.parametrize("broken", ["package", "library"])
def test_a_pdf_without_weasyprint_or_pango_says_what_to_install_and_html_works(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    for name in [name for name in sys.modules if name == "exchange.audit.pdf" or name.startswith("weasyprint")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("exchange.audit.pdf", raising=False)
    if broken == "package":
        monkeypatch.setitem(sys.modules, "weasyprint", None)
    else:
        (tmp_path / "weasyprint.py").write_text("raise OSError('cannot load library libpango-1.0-0')")
        monkeypatch.syspath_prepend(tmp_path)
    ran = exchange("audit", "verify", bundle, "--pdf", tmp_path / "report.pdf", check=False)
    assert ran.status == 2 and "pdf-unavailable" in ran.err
    assert "pip install tlp-exchange[report]" in ran.err and "libpango-1.0-0" in ran.err
    exchange("audit", "verify", bundle, "--report", tmp_path / "report.html")
    assert not (tmp_path / "report.pdf").exists()
