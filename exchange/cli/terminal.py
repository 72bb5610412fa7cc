"""Talking to a person and to a script: stdout is data, stderr is talk (``docs/spec/enrolment.md``, Command line).

Talk is in lower case without a full stop, then ``hint:`` (``Hinweis:``) lines. Whatever came from others passes through ``safe``
before it reaches a terminal: control characters and direction marks never do anything, they are shown (invariant I10).
No secret is ever an argument; a passphrase is typed, or read from a file that nobody else can read.
"""

from __future__ import annotations

import json
import os
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from exchange.cli.texts import text
from exchange.model.hidden import shown
from keys.language import Language
from keys.texts import reason

DONE = 0
REFUSED = 1
"""Refused, or a verification failed."""
USAGE = 2
DEBUG = "EXCHANGE_DEBUG"
"""Environment variable: 1 shows where an unexpected error came from."""
PASSPHRASE_FILE = "EXCHANGE_PASSPHRASE_FILE"  # noqa: S105  the name of a variable
"""Environment variable: a file whose first line is the passphrase."""
MAX_PASSPHRASE_FILE = 4096
"""Bytes."""


class Update(Protocol):
    """Tells a progress bar how far the work is."""

    def __call__(self, done: int, *, total: int | None = None, label: str | None = None) -> None:
        """``done`` of ``total``, under a label; what is None stays as it was."""


def _no_progress(done: int, *, total: int | None = None, label: str | None = None) -> None:
    """Nobody looks."""


class CommandError(Exception):
    """A command cannot go on, and says why: text key, values, hints (text keys), exit status and a code for scripts."""

    def __init__(
        self, key: str, /, *, hints: Sequence[str] = (), status: int = REFUSED, code: str | None = None, **values: Any
    ) -> None:
        super().__init__(key)
        self.key = key
        self.values = values
        self.hints = tuple(hints)
        self.status = status
        self.code = code if code is not None else key.replace("_", "-")


def safe(value: object, *, lines: bool = False) -> str:
    """Text that a terminal only shows: control, direction and invisible characters appear as ``<U+202E>``.

    ``lines`` keeps line feeds and tabs (a text's own paragraphs); everywhere else they are shown as well, so that nobody's
    name can begin a line of ours.
    """
    return shown(str(value), lines=lines)


class Terminal:
    """One command's mouth and ears."""

    def __init__(self, language: Language, *, as_json: bool = False, home: Path | None = None) -> None:
        self.language = language
        self.as_json = as_json
        self._home = home

    # -- talk -------------------------------------------------------------------------------------------------------

    def text(self, key: str, /, **values: Any) -> str:
        """A text in this person's language, also of what the operating system refused; values of others are neutralised."""
        return text(key, self.language, **{name: _plain(value, self.language) for name, value in values.items()})

    def say(self, key: str, /, **values: Any) -> None:
        """One line of talk."""
        print(self.text(key, **values), file=sys.stderr)

    def hint(self, key: str, /, **values: Any) -> None:
        """One line that says what to do next."""
        word = "Hinweis" if self.language == "de" else "hint"
        print(f"{word}: {self.text(key, **values)}", file=sys.stderr)

    def say_line(self, line: str) -> None:
        """Talk that is composed already."""
        print(safe(line), file=sys.stderr)

    def fail(self, key: str, /, *, hints: Sequence[str] = (), code: str = "", **values: Any) -> None:
        """Say why it does not go on: a line with its code, hints; for scripts the same as one JSON object on stdout."""
        message = self.text(key, **values)
        print(f"exchange: {message}" + (f" [{code}]" if code else ""), file=sys.stderr)
        for name in hints:
            self.hint(name, **values)
        if self.as_json:
            rule = {"rule": values["rule"]} if "rule" in values else {}
            self.json({"code": code or key.replace("_", "-"), "error": message, **rule})

    # -- data -------------------------------------------------------------------------------------------------------

    def data(self, line: object = "") -> None:
        """One line of data."""
        print(safe(line), file=sys.stdout, flush=True)

    def json(self, value: Any) -> None:
        """One JSON value on one line, ASCII, so that nothing in it can act on a terminal."""
        print(json.dumps(value, ensure_ascii=True, sort_keys=True), file=sys.stdout, flush=True)

    def table(self, rows: Sequence[Sequence[object]], head: Sequence[str] = ()) -> None:
        """Columns by width, nothing cut off: what is piped must be whole."""
        for line in columns([head, *rows] if head and rows else rows):
            print(line, file=sys.stdout)

    # -- home and passphrase ----------------------------------------------------------------------------------------

    @property
    def home(self) -> Path:
        """The home folder: ``--home``, or the platform's place for a person's application data."""
        if self._home is not None:
            return self._home
        import platformdirs

        return platformdirs.user_data_path("tlp-exchange", appauthor=False)

    def passphrase(self, file: Path | None, *, new: bool = False) -> str:
        """Ask for the passphrase, or read it: ``--passphrase-file``, then the environment's file, then the keyboard.

        A new one is asked for twice. Raises CommandError ``passphrase_unavailable`` without a keyboard.
        """
        named = file if file is not None else _path_of(os.environ.get(PASSPHRASE_FILE))
        if named is not None:
            return _first_line(named)
        if not sys.stdin.isatty():
            raise CommandError("passphrase_unavailable", hints=("hint_passphrase_file",), status=USAGE)
        import getpass

        given = getpass.getpass(self.text("ask_new_passphrase" if new else "ask_passphrase") + ": ", stream=sys.stderr)
        if new and getpass.getpass(self.text("ask_passphrase_again") + ": ", stream=sys.stderr) != given:
            raise CommandError("passphrases_differ")
        return given

    def confirm(self, key: str, /, *, yes: bool, **values: Any) -> None:
        """Go on only after a yes; ``yes`` is ``--yes``. Raises CommandError ``not_confirmed``, ``confirm_unavailable``."""
        if yes:
            return
        if not sys.stdin.isatty():
            raise CommandError("confirm_unavailable", hints=("hint_yes",), status=USAGE)
        print(f"{self.text(key, **values)} {self.text('ask_yes_no')} ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() not in ("j", "ja", "y", "yes"):
            raise CommandError("not_confirmed")

    # -- long work --------------------------------------------------------------------------------------------------

    @contextmanager
    def progress(self, key: str, total: int | None = None, *, data: bool = False) -> Iterator[Update]:
        """A bar on stderr, only on a terminal and not for scripts; the callback takes how much is done, of how much, and a
        new label. ``data``: what is counted are bytes."""
        if self.as_json or not sys.stderr.isatty():
            yield _no_progress
            return
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            MofNCompleteColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
        )

        progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn() if data else MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        with progress:
            task = progress.add_task(self.text(key), total=total)

            def update(done: int, *, total: int | None = None, label: str | None = None) -> None:
                progress.update(task, completed=done, total=total, description=None if label is None else safe(label))

            yield update


def columns(rows: Sequence[Sequence[object]]) -> list[str]:
    """Rows as lines, the cells of a column equally wide (in terminal cells), everything made safe."""
    cells = [[safe(cell) for cell in row] for row in rows]
    widths: dict[int, int] = {}
    for row in cells:
        for place, cell in enumerate(row):
            widths[place] = max(widths.get(place, 0), width(cell))
    return [
        "  ".join(cell + " " * (widths[place] - width(cell)) for place, cell in enumerate(row)).rstrip()
        for row in cells
    ]


def width(value: str) -> int:
    """How many cells a terminal gives to a text."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in value)


def _plain(value: Any, language: Language) -> Any:
    if isinstance(value, OSError):
        return reason(value, language) if language == "de" else reason(value, language).lower()
    return value if isinstance(value, int) else safe(value)


def _path_of(value: str | None) -> Path | None:
    return Path(value) if value else None


def _first_line(path: Path) -> str:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            raw = file.read(MAX_PASSPHRASE_FILE)
    except OSError as error:
        raise CommandError("file_unreadable", status=USAGE, file=path, reason=error) from None
    if os.name == "posix" and mode & 0o077:
        raise CommandError("passphrase_file_open", hints=("hint_chmod",), file=path)
    return raw.decode("utf-8", "surrogateescape").split("\n", 1)[0].rstrip("\r")


def read_file(path: Path, *, max_bytes: int) -> bytes:
    """A file that a person named, bounded. Raises CommandError ``file_unreadable``, ``file_too_large``."""
    try:
        with path.open("rb") as file:
            raw = file.read(max_bytes + 1)
    except OSError as error:
        raise CommandError("file_unreadable", status=USAGE, file=path, reason=error) from None
    if len(raw) > max_bytes:
        raise CommandError("file_too_large", file=path, most=max_bytes)
    return raw


def write_new(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Create a file durably; nothing that exists is overwritten. Raises CommandError ``file_exists``, ``file_unwritable``."""
    write_pieces(path, (data,), mode=mode)


def write_pieces(path: Path, pieces: Iterable[bytes], *, mode: int = 0o600) -> None:
    """``write_new`` for a file that comes in pieces; when they end with an error, there is no file."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
    except FileExistsError:
        raise CommandError("file_exists", file=path) from None
    except OSError as error:
        raise CommandError("file_unwritable", file=path, reason=error) from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise
