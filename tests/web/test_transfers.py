"""Uploads and downloads in pieces over HTTP: what the headers say, and what is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import pytest

from exchange.store.schema import CHUNK_BYTES
from tests.support.web import Partnership, listening

DATA = bytes(range(256)) * (CHUNK_BYTES // 256) + b"\x55" * 5000


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Partnership]:
    async with listening(tmp_path) as found:
        yield found


async def test_an_upload_in_two_requests(place: Partnership):
    world, path = place.world, f"/v1/blobs/{sha256(DATA).hexdigest()}"
    token = await world.session(place.author)
    assert (await world.call("HEAD", path, token)).status == 404
    total = {"Upload-Length": str(len(DATA))}
    first = await world.call("PATCH", path, token, DATA[:CHUNK_BYTES], {**total, "Upload-Offset": "0"})
    assert (first.status, first.headers["Upload-Offset"], first.headers["Upload-Complete"]) == (204, "262144", "?0")
    where = await world.call("HEAD", path, token)
    assert (where.status, where.headers["Upload-Offset"], where.headers["Upload-Length"]) == (204, "262144", "267144")
    wrong = await world.call("PATCH", path, token, b"x", {**total, "Upload-Offset": "0"})
    assert wrong.status == 400
    again = await world.call("PATCH", path, token, DATA[:CHUNK_BYTES], {**total, "Upload-Offset": "0"})
    assert (again.status, again.code) == (409, "upload-offset")
    last = await world.call("PATCH", path, token, DATA[CHUNK_BYTES:], {**total, "Upload-Offset": "262144"})
    assert (last.status, last.headers["Upload-Complete"]) == (201, "?1")
    assert (await world.call("HEAD", path, token)).headers["Upload-Complete"] == "?1"


@pytest.mark.parametrize("value", ["", "-1", "01", "1.5", "0x1", "1e9", "99999999999999999999", "eins"])
async def test_an_offset_that_is_no_number(place: Partnership, value: str):
    token = await place.world.session(place.author)
    path = f"/v1/blobs/{sha256(DATA).hexdigest()}"
    for headers in ({"Upload-Offset": value, "Upload-Length": "5"}, {"Upload-Offset": "0", "Upload-Length": value}):
        answer = await place.world.call("PATCH", path, token, b"12345", headers)
        assert (answer.status, answer.code) == (400, "head-malformed")


async def test_a_download_goes_on_from_any_byte(place: Partnership):
    world, alert = place.world, await place.release()
    part = alert.alert.sealed.parts[0]
    token = await world.session(place.officer)
    path = f"/v1/blobs/{part.sha256}"
    whole = await world.get(path, token)
    assert (whole.status, whole.headers["Accept-Ranges"]) == (200, "bytes")
    for said, start, end in (("0-9", 0, 10), ("100-", 100, part.length), ("5-99999999", 5, part.length)):
        answer = await world.call("GET", path, token, headers={"Range": f"bytes={said}"})
        assert (answer.status, answer.body) == (206, whole.body[start:end])
        assert answer.headers["Content-Range"] == f"bytes {start}-{end - 1}/{part.length}"
    for said in ("bytes=9-0", "bytes=-5", "bytes=0-1,3-4", "lines=0-1", "bytes=00-1", "bytes=0-9" + "9" * 20):
        answer = await world.call("GET", path, token, headers={"Range": said})
        assert (answer.status, answer.body) == (200, whole.body)
    behind = await world.call("GET", path, token, headers={"Range": f"bytes={part.length}-"})
    assert (behind.status, behind.code) == (416, "range-unsatisfiable")
    stranger = await world.call("GET", path, await world.session(place.stranger), headers={"Range": "bytes=0-0"})
    assert stranger.status == 403
