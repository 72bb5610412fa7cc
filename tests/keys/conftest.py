"""Keys that many tests of `keys` share: fixed seeds, made once."""

import hashlib

import pytest

from keys.device import DeviceIdentity
from keys.sign import SoftwareSigner, StatementSigner


def seed(name: str, size: int = 32) -> bytes:
    return hashlib.shake_256(name.encode()).digest(size)


@pytest.fixture(scope="session")
def ada() -> SoftwareSigner:
    return SoftwareSigner(seed("ada 1"), seed("ada 2"))


@pytest.fixture(scope="session")
def bob() -> SoftwareSigner:
    return SoftwareSigner(seed("bob 1"), seed("bob 2"))


@pytest.fixture(scope="session")
def eve() -> SoftwareSigner:
    return SoftwareSigner(seed("eve 1"), seed("eve 2"))


@pytest.fixture(scope="session")
def server() -> StatementSigner:
    return StatementSigner(seed("server"))


@pytest.fixture(scope="session")
def reader() -> DeviceIdentity:
    return DeviceIdentity(
        seed("reader id", 16),
        SoftwareSigner(seed("reader 1"), seed("reader 2")),
        seed("reader scan"),
        seed("reader vault"),
        {202648: seed("reader epoch 48"), 202649: seed("reader epoch 49")},
    )
