"""The SQLite file: one connection writes, a few read; every transaction is one function of a connection.

Reading goes through SQLAlchemy's asyncio layer and aiosqlite. Writing is the one hot path: a commit of nine statements took
four times as long there, since each statement changes the thread twice, so a write runs whole on the one thread that
writes. In both cases a transaction is a function of a `Connection`, so it cannot be left open across an await of somebody
else's. Functions come from the other modules of this package.

Durability: write-ahead log with ``synchronous=FULL``: when `Store.write` returns, the rows survive a power cut.
The first failure of the disk or the database stops writing until a restart; reading goes on (invariant I9).
Spec: docs/spec/logs.md, Commit order.
"""

import asyncio
import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Concatenate, ParamSpec, Self, TypeVar

import aiosqlite
from sqlalchemy import Connection as Connection
from sqlalchemy import Engine, create_engine, event, insert, inspect, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, StaticPool

from exchange.store import schema
from exchange.store.errors import ConflictError, StorageError, StoreError

BUSY_MILLISECONDS = 5_000
"""How long a statement waits for a lock that a backup or a checker holds."""
READERS = 2
"""Connections, and threads, that read. SQLite readers block nobody; more would only queue for the interpreter."""
PAGE_CACHE_KIB = 16_384
"""Cache of each connection."""
WAL_PAGES = 1_000
"""Pages in the write-ahead log after which it is copied back (4 KiB each)."""
FILE_MODE = 0o600
FOLDER_MODE = 0o700

P = ParamSpec("P")
T = TypeVar("T")


class Store:
    """An open store. Use `open`; call `close` when done, on every path, or its threads keep the process alive."""

    def __init__(self, path: Path, engines: tuple[Engine, Engine, AsyncEngine], lock: int | None) -> None:
        """Take over engines and the lock's descriptor; without a lock the store is read only."""
        self.path = path
        self._writer_engine, self._glance_engine, self._reader_engine = engines
        self._lock = lock
        self._writer = ThreadPoolExecutor(1, "store-write")
        self._glancer = ThreadPoolExecutor(1, "store-glance")
        self._stopped = threading.Event()
        self._closed = False

    @classmethod
    async def open(cls, path: Path, *, read_only: bool = False) -> Self:
        """Open the store at ``path``, making file (mode 0600), folder and tables when they are not there.

        Only one process opens a store for writing. With ``read_only`` nothing is made, locked or written, beside a
        running server too. Raises `StoreError`: ``store-in-use``, ``store-newer`` (written by a newer release),
        ``store-foreign`` (some other database), ``store-missing``; `StorageError` when the disk fails. Nothing stays
        open then.
        """
        store = await asyncio.to_thread(cls._open_files, path, read_only)
        try:
            await (store.read(check_schema) if read_only else store.write(make_schema))
        except BaseException:
            await store.close()
            raise
        return store

    @classmethod
    def _open_files(cls, path: Path, read_only: bool) -> Self:
        try:
            if read_only:
                if not path.is_file():
                    raise StoreError("store-missing", f"there is no store at {path}")
                return cls(path, _engines(path, read_only=True), None)
            path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            lock = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # SQLite gives its companion files the mode of this one.
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE))
                path.chmod(FILE_MODE)
                _sync_folder(path.parent)
                return cls(path, _engines(path, read_only=False), lock)
            except BlockingIOError:
                os.close(lock)
                raise StoreError("store-in-use", f"another process writes to {path}") from None
            except BaseException:
                os.close(lock)
                raise
        except OSError as error:
            raise StorageError("storage-failed", f"cannot open {path}: {error.strerror}") from error

    @property
    def stopped(self) -> bool:
        """Whether writing has stopped after a storage error."""
        return self._stopped.is_set()

    def stop_writing(self) -> None:
        """Refuse every later `write` with ``writing-stopped``; reading goes on. For the ledger, whose head file is
        storage too."""
        self._stopped.set()

    async def read(self, function: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``function(connection, …)`` on one consistent state of the store and return its result.

        Raises `StorageError` when the database fails, and whatever the function raises.
        """
        try:
            async with self._reader_engine.connect() as connection, connection.begin():
                return await connection.run_sync(function, *args, **kwargs)
        except SQLAlchemyError as error:
            raise StorageError("storage-failed", f"reading failed: {_cause(error)}") from error

    async def glance(
        self, function: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """`read` for what an author waits for: the function runs whole on a thread of its own, a few hundred microseconds
        instead of a few milliseconds. For a handful of indexed rows; raises as `read`."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._glancer, lambda: self._glance(function, *args, **kwargs))

    def _glance(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            with self._glance_engine.connect() as connection, connection.begin():
                return function(connection, *args, **kwargs)
        except SQLAlchemyError as error:
            raise StorageError("storage-failed", f"reading failed: {_cause(error)}") from error

    async def write(self, function: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``function(connection, …)`` as one transaction; when this returns, what it wrote is durable.

        Writes run one after the other. When the function raises, nothing was written, and the error is passed on.
        Raises `ConflictError` for rows that contradict the store's (nothing written), `StorageError` when the disk or
        the database fails: then it is unknown whether the transaction took place, and no later one does.
        """
        return await self.on_writer(lambda: self.write_now(function, *args, **kwargs))

    async def on_writer(self, work: Callable[[], T]) -> T:
        """Run ``work`` on the thread that writes, in order with all writes. For the ledger, whose commit is a
        transaction and then a file; in it `write_now` may be called."""
        return await asyncio.get_running_loop().run_in_executor(self._writer, work)

    def write_now(self, function: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """`write`, on the thread that writes already."""
        if self._lock is None:
            raise StoreError("store-read-only", "the store was opened for reading")
        if self._stopped.is_set():
            raise StorageError("writing-stopped", "writing has stopped after a storage error; restart the server")
        try:
            with self._writer_engine.connect() as connection:
                connection.begin()
                try:
                    result = function(connection, *args, **kwargs)
                    self._commit(connection)
                except BaseException:
                    # The driver's own: after a COMMIT that failed (a deferred foreign key, a full disk) SQLAlchemy
                    # believes the transaction ended, and SQLite keeps it open.
                    connection.connection.rollback()
                    raise
                return result
        except IntegrityError as error:
            raise ConflictError("storage-conflict", f"rows contradict the store: {error.orig}") from error
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            self._stopped.set()
            raise StorageError("storage-failed", f"writing failed: {_cause(error)}") from error

    async def cut_log(self) -> bool:
        """Write SQLite's write-ahead log into the file and cut it to nothing; False while a reader still needs it.

        What was erased stands in the older pages of that log until then. Waits for no reader. Raises as `write`.
        """
        return await self.on_writer(self._cut_log)

    def _cut_log(self) -> bool:
        try:
            with closing(self._writer_engine.raw_connection()) as connection, closing(connection.cursor()) as cursor:
                cursor.execute("PRAGMA busy_timeout = 0")
                try:
                    cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                    row = cursor.fetchone()  # (blocked, pages in the log, pages written back)
                finally:
                    cursor.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
                return row is not None and row[0] == 0
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise StorageError(
                "storage-failed", f"the write-ahead log cannot be written back: {_cause(error)}"
            ) from error

    def _commit(self, connection: Connection) -> None:
        """Make the transaction durable. The fault tests override this."""
        connection.commit()

    async def close(self) -> None:
        """Wait for what runs, then close connections and threads and give up the lock. May be called twice."""
        if self._closed:
            return
        self._closed = True
        # aiosqlite's connections have threads of their own; left open they would keep the process alive.
        await self._reader_engine.dispose()
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._glancer.shutdown(wait=True)
        self._writer.shutdown(wait=True)
        self._writer_engine.dispose()
        self._glance_engine.dispose()
        if self._lock is not None:
            os.close(self._lock)


def _sync_folder(folder: Path) -> None:
    """Make a new file's name as durable as its content."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _cause(error: BaseException) -> str:
    """What happened, without the statement's parameters: they may hold names."""
    return str(getattr(error, "orig", None) or type(error).__name__)


def _engines(path: Path, *, read_only: bool) -> tuple[Engine, Engine, AsyncEngine]:
    """The engine that writes and the one that glances (one connection each), and the one that reads (`READERS`)."""
    pragmas = [f"busy_timeout = {BUSY_MILLISECONDS}", "foreign_keys = ON", f"cache_size = -{PAGE_CACHE_KIB}"]
    if not read_only:
        # What is deleted is overwritten with zeros: an erased name must not be read from a free page.
        pragmas.append("secure_delete = ON")
        pragmas += ["journal_mode = WAL", "synchronous = FULL", f"wal_autocheckpoint = {WAL_PAGES}"]
    # The path is data: as a URI's path it is quoted, so a '?' or '%' in it says nothing.
    uri = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rw'}"

    # Without isolation_level None the driver would begin transactions by itself, and later than we say.
    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(uri, uri=True, check_same_thread=False, isolation_level=None)
        try:
            for pragma in pragmas:
                connection.execute(f"PRAGMA {pragma}").close()
        except BaseException:
            connection.close()
            raise
        return connection

    async def connect_async() -> aiosqlite.Connection:
        connection = await aiosqlite.connect(uri, uri=True, isolation_level=None)
        try:
            for pragma in pragmas:
                await (await connection.execute(f"PRAGMA {pragma}")).close()
        except BaseException:
            await connection.close()
            raise
        return connection

    # Parameters hold names: they stay out of errors and their tracebacks (I8).
    writer = create_engine("sqlite+pysqlite://", creator=connect, hide_parameters=True, poolclass=StaticPool)
    reader = create_async_engine(
        "sqlite+aiosqlite://",
        async_creator=connect_async,
        hide_parameters=True,
        poolclass=AsyncAdaptedQueuePool,
        pool_size=READERS,
        max_overflow=0,
    )
    glancer = create_engine("sqlite+pysqlite://", creator=connect, hide_parameters=True, poolclass=StaticPool)
    _begin(glancer, "BEGIN")
    _begin(writer, "BEGIN" if read_only else "BEGIN IMMEDIATE")
    _begin(reader.sync_engine, "BEGIN")
    return writer, glancer, reader


def _begin(engine: Engine, begin: str) -> None:
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))


def make_schema(connection: Connection) -> None:
    """Make the tables that are not there. Raises `StoreError` (``store-foreign``, ``store-newer``) for another file's."""
    new = not inspect(connection).get_table_names()
    if not new:
        check_schema(connection)
    # A store that was made earlier gets the tables that came since; a change of a table would be another version.
    schema.metadata.create_all(connection)
    if new:
        connection.execute(insert(schema.meta), {"key": "schema", "value": str(schema.SCHEMA_VERSION)})


def check_schema(connection: Connection) -> None:
    """Whether the file is a store of this release. Raises `StoreError` (``store-foreign``, ``store-newer``)."""
    if not inspect(connection).has_table("meta"):
        raise StoreError("store-foreign", "the file is not a store of this program")
    found = connection.scalar(select(schema.meta.c.value).where(schema.meta.c.key == "schema"))
    if found is None or not found.isascii() or not found.isdigit():
        raise StoreError("store-foreign", "the file is not a store of this program")
    if int(found) != schema.SCHEMA_VERSION:
        raise StoreError(
            "store-newer", f"the store has version {found}, this release knows version {schema.SCHEMA_VERSION}"
        )
