"""The deployment examples agree with the configuration they are written for."""

import re
from pathlib import Path

import pytest

from exchange.cli.witness_serve import PORT
from exchange.config import MIB, Config, load

DEPLOY = Path(__file__).parents[2] / "deploy"


def text(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf-8")


def test_the_configuration_in_the_guide_loads_and_keeps_the_head_file_apart(tmp_path: Path):
    written = re.search(r"<<'END'\n(.*?)^END$", text("README.md"), re.DOTALL | re.MULTILINE)
    assert written is not None
    path = tmp_path / "config.toml"
    path.write_text(written[1], encoding="utf-8")
    server = load(path).server
    unit = text("exchange.service")
    assert server.data.as_posix() == "/var/lib/tlp-exchange"
    assert server.head_file.parent.as_posix() == "/var/lib/tlp-exchange-head"
    assert "\nStateDirectory=tlp-exchange tlp-exchange-head\n" in unit


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("exchange.service", "SocketBindAllow=tcp:{port}"),
        ("nginx.conf", "server 127.0.0.1:{port};"),
        ("Caddyfile", "reverse_proxy 127.0.0.1:{port} {{"),
    ],
)
def test_a_deployment_file_names_the_default_port(name: str, place: str):
    assert place.format(port=Config().server.port) in text(name)


def test_the_witness_listens_where_its_unit_lets_it():
    unit = text("exchange-witness.service")
    assert f"SocketBindAllow=tcp:{PORT}\n" in unit and f"--port {PORT} --trusted-proxy 127.0.0.1\n" in unit
    assert "StateDirectory=tlp-exchange-witness\n" in unit and "--home /var/lib/tlp-exchange-witness " in unit


def test_the_witness_is_confined_as_the_exchange_is():
    def confined(name: str) -> set[str]:
        starts = (
            "Capability",
            "Ambient",
            "NoNew",
            "Protect",
            "Private",
            "Restrict",
            "Lock",
            "Memory",
            "Keyring",
            "System",
            "IP",
        )
        lines = (line for line in text(name).splitlines() if not line.startswith(("MemoryMax", "RestartSec")))
        return {line for line in lines if line.startswith(starts)}

    assert confined("exchange.service") == confined("exchange-witness.service")


@pytest.mark.parametrize(
    ("name", "size"), [("nginx.conf", r"client_max_body_size +(\d+)m;"), ("Caddyfile", r"max_size (\d+)MiB")]
)
def test_a_proxy_passes_the_largest_blob(name: str, size: str):
    found = re.search(size, text(name))
    assert found is not None and int(found[1]) * MIB > Config().limits.blob_bytes


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("nginx.conf", "proxy_set_header   X-Forwarded-For $remote_addr;"),
        ("Caddyfile", "header_up X-Forwarded-For {remote_host}"),
    ],
)
def test_a_proxy_overwrites_the_address_a_caller_claims(name: str, place: str):
    assert place in text(name)
