"""Asking the tests about the mutants of a module, keeping the answers, and the report (docs/mutants.md).

Each mutant is put into a copy of the checkout and the fitting tests run on it in a process of its own, until one fails:
first the tests that reach the changed line, the quick ones first, and when all of these pass, every test of the module. A
mutant of what runs in functions is put into a process that has everything loaded already (``swap``), any other is written
into the file and loaded anew. What has been answered is kept in var/mutants/results.jsonl and not asked again while the
module stays the same; survivors are asked again when a test has changed. Needs an operating system with fork.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import os
import resource
import shutil
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

import pytest

from tests.mutation.mutants import Mutant, mutants_of
from tests.mutation.swap import swap

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "var" / "mutants"
TREE = WORK / "tree"
RESULTS = WORK / "results.jsonl"
PAGE = ROOT / "docs" / "mutants.md"
NOT_COPIED = shutil.ignore_patterns(".git", ".venv", "var", "__pycache__", ".*_cache", ".hypothesis", "*.egg-info")

# What the tests of a module are. The policy is also asked by the oracle, which knows the rules independently; fewer of
# its random lives than in CI are enough to notice and keep a question short. Grants are tested where they are made.
POLICY_TESTS = (
    "tests/policy",
    "tests/oracle/test_policy_agrees.py",
    "tests/oracle/test_lives_agree.py",
    "tests/service/test_grants.py",
    "tests/audit/test_audit_grants.py",
)
FEWER = {"ORACLE_RUNS": "40", "ORACLE_LIVES": "40"}
MODULES: dict[str, tuple[str, ...]] = {
    "keys/verify.py": ("tests/keys",),
    "exchange/policy/members.py": POLICY_TESTS,
    "exchange/policy/decide.py": POLICY_TESTS,
    "exchange/policy/rules.py": POLICY_TESTS,
    "exchange/policy/grants.py": POLICY_TESTS,
    "exchange/policy/circles.py": POLICY_TESTS,
    "exchange/policy/lineage.py": POLICY_TESTS,
    "exchange/policy/epochs.py": POLICY_TESTS,
    "exchange/policy/signers.py": POLICY_TESTS,
    "exchange/policy/subjects.py": POLICY_TESTS,
    "exchange/policy/roster.py": POLICY_TESTS,
    "exchange/policy/replay.py": POLICY_TESTS,
}
ENOUGH = 90  # per cent of a module's mutants that the tests must notice
MEMORY = 4 << 30  # bytes of address space a run may take: a mutant that never stops collecting ends
QUICK = 4  # seconds, traced: a slower test is asked only when the others noticed nothing
FIRST = 40  # tests: so many of the quickest are asked before the others
PATIENCE = 15  # seconds of work beyond four times what the tests took, traced, until a run counts as hanging
WAITING = 6  # times as many seconds of the clock, for a mutant that waits instead of working

# Packages of others, loaded once before the processes part; nothing of ours, which each loads anew.
LOADED_ONCE = ("hypothesis", "nacl.signing", "cryptography.hazmat.primitives.hpke", "pydantic", "aiohttp", "sqlalchemy")
PYTEST = ("-x", "-q", "--no-header", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:schemathesis")

PASSED, FAILED, INTERRUPTED, INTERNAL, USAGE, NOTHING = range(6)  # pytest's exit codes
HANGS = -1


@dataclass(frozen=True, slots=True)
class Reach:
    """Which tests reach which line of the unchanged modules, how long each takes, and how long all take (seconds)."""

    tests: dict[str, dict[int, list[str]]]
    seconds: dict[str, float]
    whole: float


class Watch:
    """A pytest plugin that notes the lines of some files that each test runs, and how long the test takes."""

    def __init__(self, paths: Sequence[str]) -> None:
        self.lines: dict[str, dict[int, set[str]]] = {str(TREE / path): {} for path in paths}
        self.seconds: dict[str, float] = {}
        self.test: str | None = None

    def _line(self, frame: FrameType, event: str, _: object) -> Any:
        if event == "line" and self.test is not None:
            self.lines[frame.f_code.co_filename].setdefault(frame.f_lineno, set()).add(self.test)
        return self._line

    def _call(self, frame: FrameType, event: str, _: object) -> Any:
        return self._line if frame.f_code.co_filename in self.lines else None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item):  # type: ignore[no-untyped-def]
        self.test = item.nodeid
        begun = time.monotonic()
        threading.settrace(self._call)
        sys.settrace(self._call)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            threading.settrace(None)  # type: ignore[arg-type]
            self.seconds[item.nodeid] = time.monotonic() - begun
            self.test = None


def pytest_in_tree(arguments: Sequence[str], plugins: Sequence[object], log: Path) -> int:
    """In a forked process: pytest in the copied tree, which stands before everything else on the path."""
    os.chdir(TREE)
    os.environ["PYTHONPATH"] = str(TREE)
    sys.path[:] = [str(TREE), *(one for one in sys.path if Path(one or ".").resolve() != ROOT)]
    for name in [name for name in sys.modules if name == "tests" or name.startswith("tests.")]:
        del sys.modules[name]
    with log.open("wb") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    return int(pytest.main([*PYTEST, *arguments], plugins=list(plugins)))


def run_tests(arguments: Sequence[str], log: Path, patience: float) -> int:
    """The exit code of pytest with these arguments, or HANGS when it does not end within so many seconds of work.

    Seconds of the processor count, so that a busy machine makes no mutant hang; one that waits for nothing ends after
    WAITING times as many seconds of the clock.
    """

    def child() -> int:
        resource.setrlimit(resource.RLIMIT_CPU, (int(patience) + 1, int(patience) + 1))
        return pytest_in_tree(arguments, (), log)

    return in_child(child, WAITING * patience)


def in_child(work: Callable[[], int], seconds: float) -> int:
    """What the work returned in a forked process; HANGS when that was ended for using, or waiting, too long."""
    child = os.fork()
    if child == 0:
        code = INTERNAL
        try:
            os.setpgid(0, 0)
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            # A cached module of the mutant before could be taken for this one: both may have the same size and second.
            os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
            sys.dont_write_bytecode = True
            code = work()
        finally:
            os._exit(code)
    deadline = time.monotonic() + seconds
    try:
        while time.monotonic() < deadline:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended and os.WIFEXITED(status):
                return os.waitstatus_to_exitcode(status)
            if ended:
                return HANGS if os.WTERMSIG(status) == signal.SIGXCPU else FAILED
            time.sleep(0.01)
    except BaseException:  # interrupted: the child has a process group of its own and would run on
        os.killpg(child, signal.SIGKILL)
        raise
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return HANGS


def state_of_checkout() -> str:
    """What changes when anything changes that a test may run; what makes the mutants is left out."""
    found = hashlib.sha256()
    for folder in ("exchange", "keys", "tests"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            if file.parent != Path(__file__).parent:
                found.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    return found.hexdigest()


def measure(paths: Sequence[str], tests: Sequence[str], log: Path) -> Reach:
    """Copy the checkout and run the tests on the unchanged modules, which must pass; or what is known of the same state.

    It fills the copy's caches of compiled modules, too.
    """
    begun = time.monotonic()
    found = WORK / "reach.json"
    state = state_of_checkout()
    if found.exists() and TREE.exists():
        data = json.loads(found.read_text())
        if data["state"] == state and data["of"] == [list(paths), list(tests)]:
            for path in paths:
                shutil.copy(ROOT / path, TREE / path)
            return _reach(data)
    found.unlink(missing_ok=True)
    shutil.rmtree(TREE, ignore_errors=True)
    shutil.copytree(ROOT, TREE, ignore=NOT_COPIED)
    child = os.fork()
    if child == 0:
        code = INTERNAL
        try:
            watch = Watch(paths)
            code = pytest_in_tree(tests, (watch,), log)
            for path in paths:
                module = sys.modules[path.removesuffix(".py").replace("/", ".")]
                if module.__file__ != str(TREE / path):
                    raise RuntimeError(f"the tests ran {module.__file__}, not the copy")
            lines = {path: {line: sorted(by) for line, by in watch.lines[str(TREE / path)].items()} for path in paths}
            data = {"state": state, "of": [paths, tests], "lines": lines, "seconds": watch.seconds}
            found.write_text(json.dumps({**data, "whole": time.monotonic() - begun}))
        except BaseException as error:
            print(error, flush=True)
            code = INTERNAL
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(status) != PASSED:
        raise SystemExit(f"the tests of {' '.join(paths)} must pass before mutants are made: {log}")
    return _reach(json.loads(found.read_text()))


def _reach(data: dict[str, Any]) -> Reach:
    reached = {path: {int(line): by for line, by in lines.items()} for path, lines in data["lines"].items()}
    return Reach(reached, data["seconds"], data["whole"])


def plan(mutant: Mutant, reach: Reach) -> tuple[list[str], list[str], list[str]]:
    """The tests that may notice a mutant: the quickest of those that reach it, the others, and all in the same files."""
    at = {test for line in range(mutant.line, mutant.end + 1) for test in reach.tests[mutant.path].get(line, ())}
    # What runs when the module is loaded no test reaches: then every quick one may notice.
    near = sorted((test for test in at or reach.seconds if reach.seconds[test] < QUICK), key=lambda t: reach.seconds[t])
    # A fixture that many tests share counts for the first that used it: the rest of those files is asked as well.
    files = {test.partition("::")[0] for test in at or reach.seconds}
    rest = [test for test in reach.seconds if test not in set(near) and test.partition("::")[0] in files]
    rest.sort(key=lambda test: reach.seconds[test] >= QUICK)
    return near[:FIRST], near[FIRST:], rest


def ask(mutant: Mutant, tests: Sequence[str], reach: Reach, log: Path) -> tuple[str, str]:
    """(killed, survived, timeout or error; the test that noticed) of a mutant that is written into its file."""
    target = TREE / mutant.path
    target.write_text(mutant.text, encoding="utf-8")
    for cached in (target.parent / "__pycache__").glob(f"{target.stem}.*"):
        cached.unlink()
    code = PASSED
    for some in plan(mutant, reach):  # the first few need less to be loaded
        if some and code == PASSED:
            code = run_tests(some, log, 4 * sum(reach.seconds[test] for test in some) + PATIENCE)
    if code in (INTERNAL, USAGE, NOTHING):  # a test of another name than before, or nothing can be loaded
        code = run_tests(tests, log, 4 * reach.whole + PATIENCE)
    return outcome_of(code, log)


def outcome_of(code: int, log: Path) -> tuple[str, str]:
    """What a run's exit code says of the mutant, and the first test that failed."""
    if code == HANGS:
        return "timeout", ""
    if code == PASSED:
        return "survived", ""
    if code in (FAILED, INTERRUPTED, USAGE):  # the last: the tests could not even be loaded
        output = log.read_text(errors="replace")
        by = next(
            (line.split()[1] for line in output.splitlines() if line.startswith(("FAILED ", "ERROR "))), "loading"
        )
        return "killed", by
    return "error", ""


class Asking:
    """A pytest plugin that asks about mutants once the tests are collected; what cannot be swapped in stays open."""

    def __init__(self, mutants: Sequence[Mutant], reach: Reach, keep: Callable[[Mutant, tuple[str, str], float], bool],
                 log: Path) -> None:  # fmt: skip
        self.mutants, self.reach, self.keep, self.log = mutants, reach, keep, log

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = {item.nodeid: item for item in session.items}
        for mutant in self.mutants:
            begun = time.monotonic()
            code = in_child(lambda mutant=mutant: self._try(session, items, mutant), WAITING * self.reach.whole)  # type: ignore[misc]
            if code == NOTHING:
                continue
            if not self.keep(mutant, outcome_of(code, self.log), time.monotonic() - begun):
                break
        return True

    def _try(self, session: pytest.Session, items: dict[str, pytest.Item], mutant: Mutant) -> int:
        """In a forked process: NOTHING where the mutant has to be loaded, else as a run of pytest ends."""
        if not swap(sys.modules[mutant.path.removesuffix(".py").replace("/", ".")], mutant.text):
            return NOTHING
        used = 0.0
        for some in plan(mutant, self.reach):
            used += 4 * sum(self.reach.seconds[test] for test in some) + PATIENCE
            resource.setrlimit(resource.RLIMIT_CPU, (int(used) + 1, resource.RLIM_INFINITY))
            chosen = [items[test] for test in some]
            for item, after in zip(chosen, [*chosen[1:], None], strict=False):
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=None if after is None else after)
                if session.testsfailed:
                    self.log.write_text(f"FAILED {item.nodeid}\n")
                    return FAILED
        return PASSED


def digest_of(tests: Sequence[str]) -> str:
    """What changes when a test or what it stands on changes; survivors are then asked again."""
    found = hashlib.sha256()
    for one in tests:
        place = ROOT / one
        for file in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            found.update(file.read_bytes())
    return found.hexdigest()[:16]


def answered() -> dict[str, dict[str, Any]]:
    """The last answer about each mutant; a line that was cut off by an interruption does not count."""
    answers: dict[str, dict[str, Any]] = {}
    if RESULTS.exists():
        for line in RESULTS.read_text(encoding="utf-8").splitlines():
            try:
                answer = json.loads(line)
            except ValueError:
                continue
            answers[answer["key"]] = answer
    return answers


def explained() -> dict[tuple[str, str], str]:
    """The survivors that the page explains: {(file, mutant): why}."""
    rows: dict[tuple[str, str], str] = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.replace("\\|", "\0").strip().strip("|").split("|")]
        if len(cells) == 3 and cells[0].startswith("`") and cells[1].startswith("`"):
            file, name, why = (cell.replace("\0", "|") for cell in cells)
            rows[file.strip("`"), name.strip("`")] = why
    return rows


def run(paths: Sequence[str], until: float) -> None:
    """Ask about the mutants of modules with the same tests that have no answer yet, until the clock says so."""
    tests = MODULES[paths[0]]
    digest, known = digest_of(tests), answered()

    def open_question(mutant: Mutant) -> bool:
        answer = known.get(mutant.key)
        return answer is None or (answer["outcome"] in ("survived", "error") and answer["tests"] != digest)

    sources = {path: (ROOT / path).read_text(encoding="utf-8") for path in paths}
    todo = {path: [one for one in mutants_of(path, source) if open_question(one)] for path, source in sources.items()}
    if not any(todo.values()) or time.monotonic() > until:
        return
    log = WORK / "last.log"
    reach = measure(paths, tests, log)
    print(f"{' '.join(tests)}: {reach.whole:.0f} s, traced", flush=True)

    said: TextIO = os.fdopen(os.dup(1), "w", encoding="utf-8")  # pytest's own output goes elsewhere

    def keep(mutant: Mutant, found: tuple[str, str], seconds: float) -> bool:
        """Write an answer down; whether there is time for another question."""
        outcome, by = found
        answer = {
            "key": mutant.key,
            "path": mutant.path,
            "line": mutant.line,
            "operator": mutant.operator,
            "name": mutant.name,
            "outcome": outcome,
            "by": by,
            "seconds": round(seconds, 2),
            "tests": digest,
        }
        with RESULTS.open("a", encoding="utf-8") as results:
            results.write(json.dumps(answer, ensure_ascii=False) + "\n")
        if outcome != "killed":
            print(f"  {outcome}: {mutant.path}:{mutant.line} {mutant.name}", file=said, flush=True)
        return time.monotonic() < until

    every = [mutant for path in paths for mutant in todo[path]]
    print(f"{len(every)} mutants to ask", flush=True)
    asking = Asking(every, reach, keep, log)
    in_child(lambda: pytest_in_tree(["-s", *tests], (asking,), WORK / "swapped.log"), 24 * 3600)
    said.close()
    said = sys.stdout
    answers = answered()
    for path in paths:
        for mutant in todo[path]:
            if answers.get(mutant.key, {}).get("tests") == digest:
                continue
            if time.monotonic() > until:
                return
            begun = time.monotonic()
            keep(mutant, ask(mutant, tests, reach, log), time.monotonic() - begun)
        (TREE / path).write_text(sources[path], encoding="utf-8")


def report(paths: Sequence[str]) -> int:
    """Print the figures, the survivors that nobody explained, and explanations whose mutant is gone; 0 when all is well."""
    known, reasons = answered(), explained()
    wrong = 0
    print(f"\n{'module':32} mutants killed timeouts survived (explained) not run  noticed")
    for path in paths:
        mutants = mutants_of(path, (ROOT / path).read_text(encoding="utf-8"))
        outcomes = Counter(known[m.key]["outcome"] if m.key in known else "not run" for m in mutants)
        survivors = [m for m in mutants if m.key in known and known[m.key]["outcome"] == "survived"]
        open_ones = [m for m in survivors if (path, m.name) not in reasons]
        ran = len(mutants) - outcomes["not run"]
        noticed = 100 * (outcomes["killed"] + outcomes["timeout"]) / ran if ran else 0.0
        print(
            f"{path:32} {len(mutants):7} {outcomes['killed']:6} {outcomes['timeout']:8} {outcomes['survived']:8} "
            f"({len(survivors) - len(open_ones):9}) {outcomes['not run']:7}  {noticed:.1f} %"
        )
        names = {m.name for m in survivors}
        stale = [name for file, name in reasons if file == path and name not in names] if ran == len(mutants) else []
        for mutant in open_ones:
            print(f"  unexplained: {path}:{mutant.line} {mutant.name}")
        for name in stale:
            print(f"  explained, but does not survive (any more): {name}")
        wrong += len(open_ones) + len(stale) + outcomes["not run"] + outcomes["error"] + (noticed < ENOUGH)
    return 1 if wrong else 0


def main() -> int:
    """Ask, then report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", default=[], help=f"default: {' '.join(MODULES)}")
    parser.add_argument(
        "--minutes", type=float, default=24 * 60, help="stop asking after so long; begin again to go on"
    )
    parser.add_argument("--fresh", action="store_true", help="forget all earlier answers")
    parser.add_argument("--report", action="store_true", help="only report what is known")
    chosen = parser.parse_args()
    unknown = [one for one in chosen.modules if one not in MODULES]
    if unknown:
        parser.error(f"no tests are named for {' '.join(unknown)} (MODULES in tests/mutation/suite.py)")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    WORK.mkdir(parents=True, exist_ok=True)
    paths = chosen.modules or list(MODULES)
    if chosen.fresh:
        RESULTS.unlink(missing_ok=True)
    if not chosen.report:
        for name in LOADED_ONCE:
            importlib.import_module(name)
        os.environ.update(FEWER)
        until = time.monotonic() + 60 * chosen.minutes
        for tests in dict.fromkeys(MODULES[path] for path in paths):
            run([path for path in paths if MODULES[path] == tests], until)
    return report(paths)
