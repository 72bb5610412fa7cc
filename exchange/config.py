"""The server's configuration: one file, every key with a default, a unit and one line of meaning.

Nothing needs editing to start: without a file the defaults hold. A file names only what it changes. A key that is not
known stops the start and is answered with the nearest known one, because a mistyped limit that is silently ignored is
no limit (I9). There are no environment variables and no second place to look.

What this module does not do: it opens nothing but the file, creates no folder, and knows no secret; keys are files of
their own beside the data. What the specification fixes for every exchange (sizes of statements, the 900 seconds a
named roster may lag) is not configuration and stands with the code that keeps it.

`config.toml`, the reference, and `docs/configuration.md` are compared with `reference()` by a test.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from exchange.model.mail import check_mail_address
from exchange.model.retention import LEAST_DAYS, MOST_DAYS

MAX_FILE_BYTES: Final = 65_536
"""Bytes; a configuration is a page, not a database."""

KIB: Final = 1_024
MIB: Final = 1_024 * KIB

LogLevel = Literal["debug", "info", "warning", "error"]


class ConfigError(Exception):
    """The configuration cannot be used; nothing was started."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def _key(default: object, unit: str, meaning: str, *, least: int | None = None, most: int | None = None) -> Any:
    return Field(default, description=meaning, ge=least, le=most, json_schema_extra={"unit": unit})


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


_CONTACT: Final = re.compile(r"(?:mailto:|https://|tel:)[!-~]{1,240}")


def _contact(value: str) -> str:
    """An address as RFC 9116 wants it: a URI, on one line."""
    if _CONTACT.fullmatch(value) is None:
        raise ValueError("a contact begins with mailto:, https:// or tel: and is printable ASCII without spaces")
    return value


FilePath = Annotated[Path, Field(strict=False)]


class Server(_Section):
    """Where the server listens, and where its two folders are."""

    host: str = _key("127.0.0.1", "address", "where to listen; a reverse proxy with TLS stands in front")
    port: int = _key(8420, "port", "where to listen; 0 takes a free one and prints it", least=0, most=65_535)
    data: FilePath = _key(Path("var/server"), "folder", "everything that is backed up: database and server keys")
    head_file: FilePath = _key(
        Path("var/head/head"), "file", "last head published; outside data and its backups, so that an old backup shows"
    )
    trusted_proxies: tuple[str, ...] = _key(
        (), "addresses", "proxies whose last X-Forwarded-For address is believed when requests are counted by address"
    )

    security_contacts: tuple[Annotated[str, AfterValidator(_contact)], ...] = _key(
        (), "addresses", "mailto:, https: or tel: addresses for /.well-known/security.txt; none: there is no such file"
    )

    @model_validator(mode="after")
    def _head_file_is_apart(self) -> Self:
        """A head file inside the data folder would be restored with it, and could not show an old backup (I6)."""
        data, head = (Path(os.path.abspath(path)) for path in (self.data, self.head_file))
        if head.is_relative_to(data):
            raise ValueError("head_file lies inside data, whose backups it must outlive")
        return self


class Limits(_Section):
    """The bounds of everything that comes in (I9)."""

    request_bytes: int = _key(4 * MIB, "bytes", "largest body of POST /v1/statements", least=64 * KIB, most=4 * MIB)
    statements_per_request: int = _key(256, "statements", "most statements in one request", least=1, most=256)
    blob_bytes: int = _key(112 * MIB, "bytes", "largest single blob", least=MIB, most=1_024 * MIB)
    author_quota_bytes: int = _key(
        256 * MIB, "bytes", "unclaimed blobs that one author's or approver's device may have lying here", least=MIB
    )
    member_quota_bytes: int = _key(
        MIB, "bytes", "the same for any other device, which uploads key bundles only", least=128 * KIB
    )
    blob_unclaimed_seconds: int = _key(
        3_600, "seconds", "age at which a blob that no statement claimed is deleted", least=60, most=86_400
    )
    session_seconds: int = _key(600, "seconds", "life of a session", least=60, most=3_600)
    sessions_per_device: int = _key(
        8, "sessions", "open sessions of one device; a further one ends the oldest", least=1
    )
    requests_per_second_address: int = _key(
        200, "requests per second", "sustained rate from one address, above which 429 is answered", least=1
    )
    requests_per_second_device: int = _key(
        100, "requests per second", "sustained rate of one device's sessions, above which 429 is answered", least=1
    )
    burst_seconds: int = _key(
        5, "seconds", "how many seconds' worth of requests may come at once after a pause", least=1, most=60
    )
    header_deadline_seconds: int = _key(
        15, "seconds", "time a connection has to send a complete request head", least=1, most=300
    )
    body_deadline_seconds: int = _key(
        120, "seconds", "time a request has to send its complete body", least=1, most=3_600
    )
    write_deadline_seconds: int = _key(
        15,
        "seconds",
        "time after which a reader that takes nothing more is cut; it resumes by its cursor",
        least=1,
        most=300,
    )
    queue_length: int = _key(
        1_024,
        "requests",
        "requests that may wait for the one writer; further ones are answered busy",
        least=1,
        most=65_536,
    )


class Feed(_Section):
    """The stream of new entries."""

    readers: int = _key(2_000, "streams", "open streams of all members together", least=1, most=100_000)
    readers_per_device: int = _key(4, "streams", "open streams of one device", least=1, most=64)
    keepalive_seconds: int = _key(
        15, "seconds", "pause after which a comment line keeps proxies awake", least=1, most=60
    )


class Refusals(_Section):
    """What the server says in the journal about what it refused."""

    per_minute: int = _key(
        60,
        "statements per minute",
        "refused statements named in the journal; beyond it they are only counted",
        least=0,
        most=600,
    )


_HOST: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?")


class Notice(_Section):
    """E-mail notices with a fixed text, for who opted in; off while there is no relay."""

    relay: str = _key("", "host", "SMTP relay that takes the mails; empty: no mail is ever sent")
    relay_port: int = _key(25, "port", "where the relay listens", least=1, most=65_535)
    starttls: bool = _key(True, "true or false", "demand TLS of the relay, with a certificate for its name")
    sender: str = _key("", "e-mail address", "sender of the mails; needed with a relay")
    interval_seconds: int = _key(
        300, "seconds", "at most one mail to a person in this time, whatever is published", least=60, most=86_400
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.relay:
            if _HOST.fullmatch(self.relay) is None:
                raise ValueError("relay is a host name or an address")
            check_mail_address(self.sender)
        return self


class Witness(_Section):
    """How the witnesses are asked that the registry names; without any, nobody is."""

    interval_seconds: int = _key(
        300, "seconds", "time after which each is asked again when nothing was added to a log", least=10, most=600
    )
    timeout_seconds: int = _key(10, "seconds", "time that one of them has to answer", least=1, most=60)


class Retention(_Section):
    """What is erased when it is old; entries of the logs never are."""

    receipts_days: int = _key(
        0,
        "days",
        "age after which the statements of receipts are erased, 400 at least; 0 keeps them for ever",
        least=0,
        most=MOST_DAYS,
    )

    @model_validator(mode="after")
    def _long_enough(self) -> Self:
        """What is erased earlier would be missing in every audit."""
        if 0 < self.receipts_days < LEAST_DAYS:
            raise ValueError(f"receipts_days is 0 or at least {LEAST_DAYS}")
        return self


class Log(_Section):
    """The operator's log: structured lines on standard error, without personal data, bodies or secrets."""

    level: LogLevel = _key("info", "one of debug, info, warning, error", "least important line that is written")


class Config(_Section):
    """The whole configuration, frozen. Relative paths are relative to the folder the server is started in."""

    server: Server = Server()
    limits: Limits = Limits()
    feed: Feed = Feed()
    refusals: Refusals = Refusals()
    notice: Notice = Notice()
    witness: Witness = Witness()
    retention: Retention = Retention()
    log: Log = Log()


@dataclass(frozen=True, slots=True)
class Key:
    """One line of the reference: `section.name`, its default as TOML writes it, its unit and its meaning."""

    section: str
    name: str
    default: str
    unit: str
    meaning: str

    @property
    def dotted(self) -> str:
        """The key as errors name it, `section.name`."""
        return f"{self.section}.{self.name}"


def reference() -> tuple[Key, ...]:
    """Every key there is, in the order of the reference configuration."""
    return tuple(_keys())


def reference_toml() -> str:
    """The reference configuration as a TOML document; `config.toml` is this text."""
    lines = [
        "# The reference configuration of `exchange serve`: every key with its default, unit and meaning.",
        "# Nothing needs editing to start. A file of your own names only what it changes.",
        "# An unknown key stops the start, and is answered with the nearest known one.",
        "# Relative paths are relative to the folder the server is started in.",
    ]
    section = ""
    for key in reference():
        if key.section != section:
            section = key.section
            lines += ["", f"[{section}]  # {_section_model(section).__doc__}"]
        lines += [f"# {key.unit}: {key.meaning}", f"{key.name} = {key.default}"]
    return "\n".join(lines) + "\n"


def load(path: Path | None) -> Config:
    """Read the configuration at `path`, or take the defaults when it is None.

    Raises ConfigError: `config-unreadable` (no such file, too large, not UTF-8), `config-syntax` (not TOML),
    `config-unknown-key` (with the nearest known key), `config-value` (wrong type, or outside its bounds).
    """
    if path is None:
        return Config()
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
        text = raw.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("config-unreadable", f"{path}: {_reason(error)}") from error
    if len(raw) > MAX_FILE_BYTES:
        raise ConfigError("config-unreadable", f"{path}: larger than {MAX_FILE_BYTES} bytes")
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError("config-syntax", f"{path}: {error}") from error
    return parse(document, str(path))


def parse(document: dict[str, Any], source: str) -> Config:
    """The configuration that a parsed TOML document describes; `source` names it in errors. Raises as `load`."""
    _refuse_unknown(document, source)
    try:
        return Config.model_validate(_lists_as_tuples(document))
    except ValidationError as error:
        lines = [f"{source}: {_explain(detail)}" for detail in error.errors(include_url=False)]
        raise ConfigError("config-value", "\n".join(lines)) from error


def _section_model(section: str) -> type[_Section]:
    model = Config.model_fields[section].annotation
    assert isinstance(model, type) and issubclass(model, _Section)  # noqa: S101  the fields of Config, above
    return model


def _keys() -> Iterator[Key]:
    for section in Config.model_fields:
        for name, field in _section_model(section).model_fields.items():
            extra = field.json_schema_extra
            unit = str(extra["unit"]) if isinstance(extra, dict) else ""
            if unit == "bytes":
                unit += f", {field.default // MIB} MiB"
            yield Key(section, name, _toml(field.default), unit, field.description or "")


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return f'"{value.as_posix() if isinstance(value, Path) else value}"'


def _refuse_unknown(document: dict[str, Any], source: str) -> None:
    known = [key.dotted for key in reference()]
    sections = list(Config.model_fields)
    for section, table in document.items():
        if section not in sections:
            raise _unknown(section, sections + known, source)
        if not isinstance(table, dict):
            raise ConfigError("config-value", f"{source}: {section}: is a table, written [{section}]")
        for name in table:
            if f"{section}.{name}" not in known:
                raise _unknown(f"{section}.{name}", known, source)


def _unknown(key: str, known: list[str], source: str) -> ConfigError:
    """Nearest by the whole dotted key, or by its last part alone: a key under the wrong section is a usual mistake."""
    last = key.rpartition(".")[2]
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.7)
    if not near:
        by_name = {item.rpartition(".")[2]: item for item in known}
        near = [by_name[name] for name in difflib.get_close_matches(last, by_name, n=1, cutoff=0.6)]
    hint = f"; the nearest known key is {near[0]}" if near else "; see config.toml for all keys"
    return ConfigError("config-unknown-key", f"{source}: unknown key {key}{hint}")


def _lists_as_tuples(document: dict[str, Any]) -> dict[str, Any]:
    """TOML has lists, the models are frozen: strict validation takes tuples only."""
    return {
        section: {name: tuple(value) if isinstance(value, list) else value for name, value in table.items()}
        for section, table in document.items()
    }


def _explain(detail: ErrorDetails) -> str:
    """One line: the key, what is wrong with the value, the value, and what the key takes."""
    dotted = ".".join(str(part) for part in detail["loc"][:2])
    key = next((key for key in reference() if key.dotted == dotted), None)
    if key is None:
        return f"{dotted}: {detail['msg'].removeprefix('Value error, ')}"
    message = detail["msg"][0].lower() + detail["msg"][1:]
    return f"{dotted}: {message}, not {detail['input']!r:.80} (takes {key.unit}; default {key.default})"


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return (error.strerror or str(error)).lower() if isinstance(error, OSError) else "is not UTF-8"
