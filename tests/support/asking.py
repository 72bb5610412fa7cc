"""Witnesses on the loopback for the exchange to ask: faithful, or told to answer anything else; and a clock to turn."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from aiohttp import web

from exchange.config import Witness as WitnessConfig
from exchange.service.asking import State
from exchange.service.witnessing import Witnessing
from exchange.tlog.checkpoint import Checkpoint, LogName
from exchange.tlog.errors import ProofError, RequestError
from exchange.tlog.merkle import EMPTY_ROOT, verify_consistency
from exchange.tlog.witness_request import PATH, SIZE_TYPE, WitnessRequest, format_size
from exchange.web.ask import HttpAsk
from keys.errors import NoteError
from keys.note import Note, log_verifiers, verify_checkpoint
from keys.verify import LogPublicKey
from tests.support.live import Live
from tests.support.witnesses import WitnessKey

PATIENCE = 20
"""Seconds after which a test gives up."""

SPINS = 100
"""Turns of the loop after which nothing more is expected without time passing."""

Script = Callable[["Witness", web.Request, WitnessRequest], Awaitable[web.StreamResponse]]


async def until(condition: Callable[[], Any]) -> None:
    """Let the loop run until something holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110  whatever it is about, no event of ours says so
            await asyncio.sleep(0)


class Witness:
    """A witness as C2SP describes it, in memory; ``script`` answers in its place when it is set."""

    def __init__(self, key: WitnessKey, logs: Mapping[str, LogPublicKey], clock: Callable[[], int]) -> None:
        self.key = key
        self.logs = dict(logs)
        self.clock = clock
        self.seen: dict[str, Checkpoint] = {}
        self.asked: list[WitnessRequest] = []
        self.script: Script | None = None
        self.gate = asyncio.Event()
        """While it is not set, nothing is answered."""
        self.gate.set()
        self.open = 0
        self.most = 0
        """Requests at the same time, and the most there ever were, for one log."""
        self._open: dict[str, int] = {}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        try:
            asked = WitnessRequest.parse(await request.read())
        except RequestError:
            return web.Response(status=400)
        self.asked.append(asked)
        origin = Note.parse(asked.note).text.partition("\n")[0]
        self._open[origin] = self._open.get(origin, 0) + 1
        self.most = max(self.most, self._open[origin])
        try:
            await self.gate.wait()
            return self.judged(asked) if self.script is None else await self.script(self, request, asked)
        finally:
            self._open[origin] -= 1

    def judged(self, asked: WitnessRequest) -> web.Response:
        """The honest answer."""
        note = Note.parse(asked.note)
        origin = note.text.partition("\n")[0]
        if origin not in self.logs:
            return web.Response(status=404)
        try:
            verify_checkpoint(asked.note, origin, self.logs[origin])
        except NoteError:
            return web.Response(status=403)
        assert len(note.lines) == len(log_verifiers(origin, self.logs[origin])), "only the log's own lines are sent"
        new = Checkpoint.parse(note.text)
        if asked.old > new.size:
            return web.Response(status=400)
        old = self.seen.get(origin, Checkpoint(origin, 0, EMPTY_ROOT))
        if asked.old != old.size:
            return web.Response(status=409, body=format_size(old.size), headers={"Content-Type": SIZE_TYPE})
        try:
            verify_consistency(old.size, old.root, new.size, new.root, asked.proof)
        except ProofError:
            return web.Response(status=422)
        self.seen[origin] = new
        return web.Response(body=self.lines(note.text))

    def lines(self, text: str, key: WitnessKey | None = None, time: int | None = None) -> bytes:
        """Both lines over a text, by this witness now unless it is said otherwise."""
        made = (key or self.key).lines(text, self.clock() if time is None else time)
        return b"".join(line.encode() for line in made)

    def asked_sizes(self, origin: str) -> list[int]:
        heads = [Checkpoint.parse(Note.parse(asked.note).text) for asked in self.asked]
        return [head.size for head in heads if head.origin == origin]


class Witnesses:
    """Several of them, each on a port of its own, and how the registry names them."""

    def __init__(self, world: Live, clock: Callable[[], int] | None = None) -> None:
        self.world = world
        self.clock = clock or (lambda: world.now)
        self.all: list[Witness] = []
        self._runners: list[web.AppRunner] = []

    async def start(self, name: str) -> Witness:
        """One more, listening."""
        logs = {signer.origin: signer.public for signer in (self.world.server.registry, self.world.server.journal)}
        witness = Witness(WitnessKey.generate(name, self.world.random), logs, self.clock)
        self._runners.append(await _listen(witness))
        self.all.append(witness)
        return witness

    async def name(self, quorum: int, witnesses: Sequence[Witness] | None = None, **changes: Any) -> None:
        """The registrars name these, all when it is not said."""
        cards = [witness.key.card() for witness in (self.all if witnesses is None else witnesses)]
        cards = [{**card, **changes} for card in sorted(cards, key=lambda card: str(card["name"]))]
        world = self.world
        previous = world.previous("witnesses")
        await world.post(world.by_registrars("witness.name", previous=previous, quorum=quorum, witnesses=cards))

    async def stop(self) -> None:
        for witness in self.all:
            witness.gate.set()
        for runner in self._runners:
            await runner.cleanup()


async def _listen(witness: Witness) -> web.AppRunner:
    """Have a witness listen on a free port, and its card say where."""
    app = web.Application()
    app.router.add_post(f"/in{PATH}", witness.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    object.__setattr__(witness.key, "url", f"http://127.0.0.1:{runner.addresses[0][1]}/in")
    return runner


@contextmanager
def apart(*found: Witness) -> Iterator[None]:
    """Witnesses that listen on a thread of their own, for commands that block."""

    async def work() -> None:
        runners = [await _listen(witness) for witness in found]
        stop = asyncio.Event()
        stops.append((asyncio.get_running_loop(), stop))
        ready.set()
        await stop.wait()
        for runner in runners:
            await runner.cleanup()

    stops: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
    ready = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(work()), name="witnesses", daemon=True)
    thread.start()
    assert ready.wait(PATIENCE)
    try:
        yield
    finally:
        for loop, stop in stops:
            loop.call_soon_threadsafe(stop.set)
        thread.join(PATIENCE)


@asynccontextmanager
async def witnesses(world: Live, *names: str, clock: Callable[[], int] | None = None) -> AsyncIterator[Witnesses]:
    """Witnesses that listen, closed on every path; by the world's clock, or another."""
    found = Witnesses(world, clock)
    try:
        for name in names:
            await found.start(name)
        yield found
    finally:
        await found.stop()


class Clock:
    """Monotonic time that a test turns; what waits for it wakes when its time has come."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self._waiting: list[tuple[float, asyncio.Event]] = []

    def __call__(self) -> float:
        return self.now

    async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
        """`exchange.service.witnessing.Wait`."""
        if seconds is None:
            await event.wait()
            return
        over = asyncio.Event()
        self._waiting.append((self.now + seconds, over))
        tasks = {asyncio.create_task(event.wait()), asyncio.create_task(over.wait())}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            self._waiting = [waiting for waiting in self._waiting if waiting[1] is not over]

    def turn(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        for due, over in self._waiting:
            if due <= self.now:
                over.set()

    async def until(self, condition: Callable[[], Any]) -> None:
        """Let the loop run until something holds; whenever nothing more happens, turn to when the next who waits wakes."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for _ in range(SPINS):
                    if condition():
                        return
                    await asyncio.sleep(0)
                self.turn(max(0.0, min(self.pauses, default=0.0)))

    @property
    def pauses(self) -> list[float]:
        """How long those who wait have to wait yet."""
        return sorted(due - self.now for due, _ in self._waiting)


class Told:
    """The operator's log, in a list."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, dict[str, Any]]] = []

    def info(self, event: str, **values: Any) -> None:
        self.lines.append(("info", event, values))

    def warning(self, event: str, **values: Any) -> None:
        self.lines.append(("warning", event, values))

    def error(self, event: str, **values: Any) -> None:
        self.lines.append(("error", event, values))

    def of(self, event: str) -> list[tuple[str, dict[str, Any]]]:
        return [(level, values) for level, said, values in self.lines if said == event]


class Asking:
    """The exchange's side over a ``Live`` exchange, with a clock to turn."""

    def __init__(self, world: Live) -> None:
        self.world = world
        self.clock = Clock()
        self.log = Told()
        server = world.exchange_server
        self.service = Witnessing(
            WitnessConfig(),
            server.store,
            server.ledger,
            server.state,
            server.clock,
            self.clock,
            HttpAsk(5.0),
            self.log,
            self.clock.wait,
        )
        server.on_commit(self.service.wake)

    def view(self, log: LogName = "journal") -> dict[str, Any]:
        from keys import encoding

        found: dict[str, Any] = encoding.decode(self.service.view(), max_bytes=1 << 20)[log]
        return found

    def states(self, log: LogName = "journal") -> dict[str, str]:
        return {witness["name"]: witness["state"] for witness in self.view(log)["witnesses"]}

    async def until_state(self, name: str, state: State, log: LogName = "journal") -> None:
        await until(lambda: self.states(log).get(name) == state.value)

    def lines(self, log: LogName = "journal") -> set[str]:
        """Whose two lines stand under the newest checkpoint as it is served."""
        note = Note.parse(self.service.checkpoint(log))
        names = [line.name for line in note.lines]
        assert all(names.count(name) == 2 for name in names)
        return {*names} - {note.text.partition("\n")[0]}

    def pass_time(self, seconds: float) -> None:
        """Both clocks go on."""
        self.world.now += int(seconds)
        self.clock.turn(seconds)


@asynccontextmanager
async def asking(world: Live) -> AsyncIterator[Asking]:
    """The rounds running, stopped on every path."""
    found = Asking(world)
    await found.service.load()
    task = asyncio.create_task(found.service.run())
    try:
        yield found
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await found.service.close()
