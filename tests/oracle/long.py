"""A long comparison of product and oracle that can be stopped and continued.

    python -m tests.oracle.long --runs 100000 --state FILE [--steps 50]
    python -m tests.oracle.long --seed 4711 [--steps 50]

The first walks the seeds 0, 1, 2, … and writes to FILE, after every hundredth life and when it is interrupted, which
seed comes next and what was compared; the file is replaced in one step, so a stopped run goes on where it was. A failing
seed is printed with the command that tells it again and with the steps that it cannot do without; the run goes on, and
ends with 1 when one failed. The second tells one life.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parent))
from oracle_life import Disagreement, Tally, live, shortest
from oracle_product import Product

OFTEN: Final = 100  # lives between two writings of the state


def tell(seed: int, steps: int, tally: Tally) -> bool:
    """One life; on a disagreement, what is needed to look at it."""
    try:
        live(str(seed), Product(), steps, tally)
    except Disagreement as difference:
        needed, why = shortest(str(seed), Product, steps)
        print(f"seed {seed}: {difference}\n  the steps that it needs: {needed}\n  with these alone: {why}")
        print(f"  again: python -m tests.oracle.long --seed {seed} --steps {steps}", flush=True)
        return False
    return True


def read(path: Path, steps: int) -> dict[str, Any]:
    if not path.exists():
        return {"agreed": {}, "failed": [], "next": 0, "steps": steps, "unsettled": {}}
    state: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if state["steps"] != steps:
        raise SystemExit(f"{path} belongs to lives of {state['steps']} steps")
    return state


def write(path: Path, state: dict[str, Any]) -> None:
    fresh = path.with_name(f"{path.name}.new")
    with fresh.open("w", encoding="utf-8") as file:
        json.dump(state, file, indent=1, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def walk(runs: int, steps: int, path: Path) -> int:
    """The seeds from where the state is up to `runs`; 1 when one of them failed, now or before."""
    state = read(path, steps)
    tally = Tally(Counter(state["agreed"]), Counter(state["unsettled"]))
    try:
        for seed in range(state["next"], runs):
            if not tell(seed, steps, tally):
                state["failed"].append(seed)
            state |= {"agreed": dict(tally.agreed), "next": seed + 1, "unsettled": dict(tally.unsettled)}
            if state["next"] % OFTEN == 0:
                write(path, state)
                print(f"{state['next']} of {runs} lives, {len(state['failed'])} failed", flush=True)
    finally:
        write(path, state)
    print(f"{state['next']} lives, {tally.agreed.total()} answers agreed, failed: {state['failed'] or 'none'}")
    return 1 if state["failed"] else 0


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Hold the product against the oracle, for as long as you like.")
    parser.add_argument("--runs", type=int, default=2_000)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--state", type=Path)
    parser.add_argument("--seed", type=int)
    chosen = parser.parse_args(arguments)
    if chosen.seed is not None:
        return 0 if tell(chosen.seed, chosen.steps, Tally()) else 1
    if chosen.state is None:
        parser.error("--state FILE is needed, or --seed N")
    return walk(chosen.runs, chosen.steps, chosen.state)


if __name__ == "__main__":
    raise SystemExit(main())
