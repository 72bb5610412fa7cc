"""The peers: Debian's ``age`` and ``gpg``, run as a person would run them, one call for all recipients.

Both are whole processes: start, reading of the recipients, sealing, writing of one file. What a start alone costs is measured
beside them. Recipients are X25519 for age, and cv25519 subkeys of Ed25519 keys for gpg; neither signs here, and neither is
post-quantum. gpg's keys are made once, by gpg, and only their public halves are kept (``var/bench/gnupg``).
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from os import urandom
from pathlib import Path

from nacl.bindings import crypto_scalarmult_base

GPG_KEYS_AT_ONCE = 50
GPG_KEY_SECONDS = 90.0
"""Longest time for making gpg's keys in one run; the next run goes on where this one stopped."""
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


@dataclass(slots=True)
class Peers:
    """Which peers are installed, and what they need to run."""

    folder: Path
    """Where gpg's public keys are kept between runs."""
    age: str | None = field(default_factory=lambda: shutil.which("age"))
    gpg: str | None = field(default_factory=lambda: shutil.which("gpg"))

    def missing(self) -> list[str]:
        """One line for each peer that is not installed."""
        packages = {"age": (self.age, "age"), "gpg": (self.gpg, "gnupg")}
        return [
            f"`{name}` is not installed, its lines are left out (Debian: apt-get install {package})"
            for name, (path, package) in packages.items()
            if path is None
        ]

    def age_start(self) -> None:
        """Start age, and nothing else."""
        _run([self.age or "age", "--version"])

    def gpg_start(self) -> None:
        """Start gpg, and nothing else."""
        _run([self.gpg or "gpg", "--version"])

    # -- age ------------------------------------------------------------------------------------------------------

    def age_call(self, work: Path, plain: Path, count: int) -> tuple[Callable[[], None], Path]:
        """A call that seals ``plain`` to ``count`` fresh X25519 recipients, and the file that it writes."""
        recipients, sealed = work / f"recipients-{count}.txt", work / f"sealed-{count}.age"
        lines = (age_recipient(crypto_scalarmult_base(urandom(32))) for _ in range(count))
        recipients.write_text("\n".join(lines) + "\n", encoding="ascii")
        command = [self.age or "age", "-R", str(recipients), "-o", str(sealed), str(plain)]
        return lambda: _run(command), sealed

    # -- gpg ------------------------------------------------------------------------------------------------------

    def gpg_keys(self, count: int) -> int:
        """Make sure of ``count`` keys, as far as `GPG_KEY_SECONDS` allow; how many there are."""
        home = self.folder / "gnupg"
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        have = self._known(home)
        deadline = time.monotonic() + GPG_KEY_SECONDS
        while have < count and time.monotonic() < deadline:
            names = [_address(number) for number in range(have, min(count, have + GPG_KEYS_AT_ONCE))]
            _run([*self._gpg(home), "--import"], self._made(names))
            have += len(names)
        return have

    def gpg_call(self, work: Path, plain: Path, count: int) -> tuple[Callable[[], None], Path]:
        """A call that seals ``plain`` to the first ``count`` keys, and the file that it writes."""
        sealed, options = work / f"sealed-{count}.gpg", work / f"recipients-{count}.conf"
        options.write_text("".join(f"recipient {_address(n)}\n" for n in range(count)), encoding="ascii")
        command = [*self._gpg(self.folder / "gnupg"), "--options", str(options), "--yes", "--output", str(sealed)]
        return lambda: _run([*command, "--encrypt", str(plain)]), sealed

    def _gpg(self, home: Path) -> list[str]:
        # No agent: sealing needs no secret key, and nothing of ours shall go on running.
        quiet = ["--batch", "--quiet", "--no-autostart", "--trust-model", "always", "--no-auto-check-trustdb"]
        return [self.gpg or "gpg", "--homedir", str(home), *quiet]

    def _known(self, home: Path) -> int:
        listed = _run([*self._gpg(home), "--with-colons", "--list-keys"])
        return sum(line.startswith(b"pub:") for line in listed.splitlines())

    def _made(self, addresses: Sequence[str]) -> bytes:
        """Public keys for these addresses, made by gpg in a home of their own that is thrown away with the secret ones."""
        blocks = "".join(_GPG_KEY.format(address=address) for address in addresses)
        # The agent's socket has a short name only in a short folder.
        with tempfile.TemporaryDirectory(prefix="bench-") as home:
            gpg = [self.gpg or "gpg", "--homedir", home, "--batch", "--quiet"]
            try:
                _run([*gpg, "--generate-key"], f"%no-protection\n{blocks}".encode())
                return _run([*gpg, "--export"])
            finally:
                subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False, capture_output=True)


_GPG_KEY = """Key-Type: EDDSA
Key-Curve: ed25519
Key-Usage: sign
Subkey-Type: ECDH
Subkey-Curve: cv25519
Subkey-Usage: encrypt
Name-Email: {address}
Expire-Date: 0
%commit
"""


def _address(number: int) -> str:
    return f"<reader-{number}@bench.example>"


def _run(command: Sequence[str], given: bytes = b"") -> bytes:
    """Run to the end; raises CalledProcessError, with what the program said, when it failed."""
    return subprocess.run(command, input=given, capture_output=True, check=True, timeout=300).stdout


def age_recipient(key: bytes) -> str:
    """An X25519 public key (32 bytes) as age writes it: bech32 (BIP 173) with the prefix ``age``."""
    bits = int.from_bytes(key, "big") << 4  # 256 bits are 51 groups of 5 and one bit, filled with zeros
    data = [bits >> shift & 31 for shift in range(255, -1, -5)]
    prefix = [ord(c) >> 5 for c in "age"] + [0] + [ord(c) & 31 for c in "age"]
    check = _polymod(prefix + data + [0] * 6) ^ 1
    return "age1" + "".join(_BECH32[v] for v in data + [check >> shift & 31 for shift in range(25, -1, -5)])


def _polymod(values: Sequence[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for place, generator in enumerate(_GENERATOR):
            check ^= generator if top >> place & 1 else 0
    return check
