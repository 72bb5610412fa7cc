"""Strict JSON, scalars and commitments: one way to write a value, one way to read it (docs/spec/encoding.md).

The usual parsers read `{"label":"RED","label":"CLEAR"}` as CLEAR, accept NaN, several top values of one number and
several spellings of one text. Two readers of one signed byte string must never see two values, so `decode`
re-encodes what it read and refuses when the bytes differ. This module knows no schema: fields and kinds are the
caller's.
"""

import base64
import binascii
import hashlib
import json
import re
import unicodedata
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

from keys.errors import EncodingError
from keys.labels import Use, ds

MAX_DEPTH = 16  # levels; the top value has depth 1
MAX_INTEGER = 2**53 - 1  # beyond it, JSON readers that use doubles disagree
MAX_KEY = 64  # characters of an object's key
MAX_TIME = 2**40  # seconds since 1970, exclusive
MAX_OPENING = 512  # characters of an opening's value
SALT_BYTES = 32
ID_BYTES = 16
HASH_BYTES = 32

_KEY = re.compile(rf"[A-Za-z0-9_+-]{{1,{MAX_KEY}}}")
_HEX32 = re.compile(r"[0-9a-f]{64}")
# A whole string (an unclosed one runs to the end, so that the scan stays linear), else one bracket.
_TOKENS = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|([\[{])|([\]}])', re.DOTALL)
_PLAIN_STRING = re.compile(rb'"[^"]*"')
_INNERMOST = re.compile(rb"\[\]|\{\}")
_NO_STRUCTURE = bytes(byte for byte in range(256) if byte not in b'[]{}"\\')
_MAX_DIGITS = len(str(-MAX_INTEGER))
_BAD_KEY = "a key is not 1 to 64 ASCII letters, digits or + - _"

_ASCII = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":"), sort_keys=True)
_PLAIN = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True)

# The Gregorian calendar repeats after 400 years = 20,871 weeks exactly; `datetime` ends with the year 9999, times
# do not.
_CYCLE_YEARS = 400
_CYCLE_SECONDS = 146_097 * 86_400
_DAY = 86_400


# -- strict JSON -----------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def _is_short_key(key: str) -> bool:
    return _KEY.fullmatch(key) is not None


def _is_key(key: str) -> bool:
    """Whether a text may be an object's key. The same few keys are asked about always; a stranger's long ones are not kept."""
    return len(key) <= MAX_KEY and _is_short_key(key)


def _check(value: Any, depth: int) -> None:
    """Walk a value and raise when it is outside the restricted type system."""
    if isinstance(value, str):
        return
    if isinstance(value, bool):
        return
    if isinstance(value, int):
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise EncodingError("integer-range", "an integer is outside ±(2^53 - 1)")
        return
    if depth > MAX_DEPTH and isinstance(value, (dict, list, tuple)):
        raise EncodingError("too-deep", f"nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str) or not _is_key(key):
                raise EncodingError("bad-key", _BAD_KEY)
            _check(item, depth + 1)
        return
    if isinstance(value, (list, tuple)):
        for item in value:
            _check(item, depth + 1)
        return
    raise EncodingError("bad-type", f"{type(value).__name__} has no place in strict JSON")


def encode(value: Any) -> bytes:
    """Return the only strict-JSON encoding of objects, arrays, strings, booleans and integers.

    Raises EncodingError: `bad-type` (also None and floats), `bad-key`, `integer-range`, `too-deep`, `lone-surrogate`.
    """
    _check(value, 1)
    return _write(value)


def _write(value: Any) -> bytes:
    """The encoding of a value that was checked."""
    # json escapes exactly what RFC 8785 escapes, in the same spelling; for ASCII keys code point order is its
    # order too. Its ASCII mode is five times as fast, and differs only by writing DEL and all beyond ASCII as \uXXXX:
    # where no such escape stands, both modes write the same.
    text = _ASCII.encode(value)
    if "\\u" in text:
        text = _PLAIN.encode(value)
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise EncodingError("lone-surrogate", "a text contains half of a surrogate pair") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise EncodingError("duplicate-key", "an object has one key twice")
    for key in value:
        if not _is_key(key):
            raise EncodingError("bad-key", _BAD_KEY)
    return value


def _integer(text: str) -> int:
    # Before int(): converting a million digits costs quadratic time.
    value = int(text) if len(text) <= _MAX_DIGITS else MAX_INTEGER + 1
    if not -MAX_INTEGER <= value <= MAX_INTEGER:
        raise EncodingError("integer-range", "an integer is outside ±(2^53 - 1)")
    return value


def _no_float(text: str) -> Any:
    raise EncodingError("number", "a number is not a plain integer")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_no_float, parse_constant=_no_float, strict=True
)


def _check_depth(data: bytes) -> None:
    """Linear scan before parsing: the parser recurses, and a depth bomb must not reach it."""
    if data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return
    if b"\\" not in data:
        # The usual case without counting: brackets alone, the innermost level less each time.
        nested = _PLAIN_STRING.sub(b"", data.translate(None, _NO_STRUCTURE))
        for _ in range(MAX_DEPTH):
            nested = _INNERMOST.sub(b"", nested)
            if not nested:
                return
    depth = 0
    for match in _TOKENS.finditer(data):
        if match[1] is not None:
            depth += 1
            if depth > MAX_DEPTH:
                raise EncodingError("too-deep", f"nested deeper than {MAX_DEPTH} levels")
        elif match[2] is not None:
            depth -= 1


def _decode(data: bytes, max_bytes: int) -> Any:
    if len(data) > max_bytes:
        raise EncodingError("too-large", f"larger than {max_bytes} bytes")
    _check_depth(data)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise EncodingError("not-utf8", "the bytes are not UTF-8") from None
    try:
        value = _DECODER.decode(text)
    except ValueError:
        raise EncodingError("not-json", "the bytes are not JSON") from None
    # The decoder's hooks refused bad keys, integers and floats, and the depth was counted; null is left to look for.
    if (encode(value) if b"null" in data else _write(value)) != data:
        raise EncodingError("not-strict", "the JSON is not written in the strict form")
    return value


def decode(data: bytes, *, max_bytes: int) -> dict[str, Any]:
    """Parse a strict-JSON object of at most `max_bytes` bytes.

    Raises EncodingError: `too-large`, `too-deep`, `not-utf8`, `not-json`, `duplicate-key`, `number`, `integer-range`,
    `bad-type`, `bad-key`, `lone-surrogate`, `not-strict` (any other spelling, trailing bytes), `not-object`.
    """
    value = _decode(data, max_bytes)
    if not isinstance(value, dict):
        raise EncodingError("not-object", "the top value is not an object")
    return value


def decode_array(data: bytes, *, max_bytes: int) -> list[Any]:
    """Parse a strict-JSON array of at most `max_bytes` bytes; raises as `decode`, and `not-array`."""
    value = _decode(data, max_bytes)
    if not isinstance(value, list):
        raise EncodingError("not-array", "the top value is not an array")
    return value


# -- bytes as text ---------------------------------------------------------------------------------


def b64u(data: bytes) -> str:
    """Unpadded base64url (RFC 4648 section 5)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def unb64u(text: Any, *, length: int | None = None) -> bytes:
    """Read canonical unpadded base64url, of exactly `length` bytes when given.

    Raises EncodingError `bad-base64` (also for a value that is not text, and when unused bits are not zero: Python
    decodes `QR` as `QQ`) or `bad-length`.
    """
    if not isinstance(text, str):
        raise EncodingError("bad-base64", "not unpadded base64url")
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:  # no whole number of bytes, or text beyond ASCII
        raise EncodingError("bad-base64", "not unpadded base64url") from None
    if b64u(data) != text:  # the decoder passes over other characters and unused bits; what is written anew has none
        raise EncodingError("bad-base64", "base64url is not canonical")
    if length is not None and len(data) != length:
        raise EncodingError("bad-length", f"{len(data)} bytes instead of {length}")
    return data


def b64(data: bytes) -> str:
    """Padded base64 (RFC 4648 section 4), as DSSE and signed notes write it."""
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def unb64(text: Any, *, length: int | None = None) -> bytes:
    """Read canonical padded base64, of exactly `length` bytes when given. Raises as `unb64u`."""
    if not isinstance(text, str):
        raise EncodingError("bad-base64", "not padded base64")
    try:
        data = binascii.a2b_base64(text)
    except ValueError:  # no whole number of bytes, or text beyond ASCII
        raise EncodingError("bad-base64", "not padded base64") from None
    if b64(data) != text:  # as above
        raise EncodingError("bad-base64", "base64 is not canonical")
    if length is not None and len(data) != length:
        raise EncodingError("bad-length", f"{len(data)} bytes instead of {length}")
    return data


def unhex32(text: Any) -> bytes:
    """Read a hash: exactly 64 lower-case hexadecimal digits. Raises EncodingError `bad-hash`."""
    if not isinstance(text, str) or _HEX32.fullmatch(text) is None:
        raise EncodingError("bad-hash", "not 64 lower-case hexadecimal digits")
    return bytes.fromhex(text)


# -- commitments and fingerprints ------------------------------------------------------------------


def commitment(field: str, salt: bytes, value: str) -> str:
    """Return hex(SHA-256(DS(opening) ‖ salt ‖ ASCII(field) ‖ 0x00 ‖ UTF-8(value))).

    The salt is 32 random bytes, made for this field alone: a name is guessed quickly without it. Raises EncodingError
    `bad-opening` unless the value is NFC text of 1 to 512 characters without control characters.
    """
    if len(salt) != SALT_BYTES:
        raise EncodingError("bad-length", f"a salt has {SALT_BYTES} bytes")
    if _KEY.fullmatch(field) is None:
        raise EncodingError("bad-opening", "an opening's field is not a key")
    if not 1 <= len(value) <= MAX_OPENING:
        raise EncodingError("bad-opening", f"an opening's value has 1 to {MAX_OPENING} characters")
    if not unicodedata.is_normalized("NFC", value):
        raise EncodingError("bad-opening", "an opening's value is not in normal form C")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
        raise EncodingError("bad-opening", "an opening's value contains control characters")
    text = field.encode("ascii") + b"\x00" + value.encode("utf-8")
    return hashlib.sha256(ds(Use.OPENING) + salt + text).hexdigest()


def fingerprint(compared: bytes) -> str:
    """Return 60 decimal digits in 12 groups of 5, for two people to compare by telephone (about 199 bits)."""
    digest = hashlib.sha256(ds(Use.FINGERPRINT) + compared).digest()
    digits = f"{int.from_bytes(digest[:25], 'big') % 10**60:060d}"
    return " ".join(digits[i : i + 5] for i in range(0, 60, 5))


# -- weeks -----------------------------------------------------------------------------------------


def week_of(time: int) -> int:
    """Return the week (ISO year × 100 + ISO week, UTC) of a time in seconds. Raises EncodingError `bad-time`."""
    if not 0 <= time < MAX_TIME:
        raise EncodingError("bad-time", "a time is outside 0 ≤ t < 2^40")
    cycles, rest = divmod(time, _CYCLE_SECONDS)
    year, week, _ = datetime.fromtimestamp(rest, UTC).isocalendar()
    return (year + cycles * _CYCLE_YEARS) * 100 + week


def week_range(week: int) -> tuple[int, int]:
    """Return (first second, first second after it) of a week. Raises EncodingError `bad-week`."""
    year, number = divmod(week, 100)
    if year < 1970:
        raise EncodingError("bad-week", "not a week of 1970 or later")
    cycles = (year - 1970) // _CYCLE_YEARS
    try:
        monday = date.fromisocalendar(year - cycles * _CYCLE_YEARS, number, 1)
    except ValueError:
        raise EncodingError("bad-week", "this ISO year has no such week") from None
    start = (monday - date(1970, 1, 1)).days * _DAY + cycles * _CYCLE_SECONDS
    if start >= MAX_TIME:
        raise EncodingError("bad-week", "the week is beyond the last time")
    return start, start + 7 * _DAY


def next_week(week: int) -> int:
    """Return the week after a week. Raises EncodingError `bad-week`."""
    return week_of(week_range(week)[1])
