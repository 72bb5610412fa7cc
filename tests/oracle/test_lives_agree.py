"""The code against the oracle over whole lives: members, terms, clients, circles, versions, grants and lapses.

`make test` tells 200 lives of 50 steps; ORACLE_LIVES and ORACLE_STEPS set other numbers (2,000 for the longer gate), and
`python -m tests.oracle.long` goes on for as long as one likes.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import long
from adapter import ALL
from oracle_life import Tally, disagrees, live, shortest
from oracle_product import Product

LIVES = int(os.environ.get("ORACLE_LIVES", "200"))
STEPS = int(os.environ.get("ORACLE_STEPS", "50"))
PARTS = 10
"""The lives are told in parts, so that two workers can share them and a failure ends only its own part."""

ALERT_RULES = {"R2", "R3", "R7", "R8", "R9", "R15", "R16"}
PERSON_RULES = {"R1", "R3", "R4", "R5", "R6", "R7"}


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("part", range(PARTS))
def test_the_code_agrees_with_the_oracle_over_whole_lives(part: int) -> None:
    failed = []
    for seed in range(part, LIVES, PARTS):
        if disagrees(str(seed), Product, STEPS):
            failed.append((seed, *shortest(str(seed), Product, STEPS)))
            break
    assert not failed, f"again: python -m tests.oracle.long --seed {failed[0][0]} --steps {STEPS}\n{failed[0]}"


def test_the_lives_touch_every_rule() -> None:
    """A comparison that mostly looked away would prove nothing."""
    tally = Tally()
    for seed in range(40):
        live(str(seed), Product(), 50, tally)
    refused = {name.split()[2] for name in tally.agreed if name.startswith("alert refused")}
    asked = {name.split()[2] for name in tally.agreed if name.startswith(("person True", "person False"))}
    released = {name.split()[2] for name in tally.agreed if name.startswith("alert released")}
    rules = ALERT_RULES | ({"R10"} if "versions" in Product.speaks else set())
    assert refused >= rules
    assert asked >= PERSON_RULES | ({"R11"} if "versions" in Product.speaks else set())
    if "versions" in Product.speaks:
        assert released == {"new", "update", "supersede", "relabel", "withdraw", "all-clear"}
    if "grants" in Product.speaks:
        assert {name.split()[2] for name in tally.agreed if name.startswith("grant True")} == {"R12", "R13"}
    assert Product.speaks <= ALL
    assert tally.unsettled.total() < tally.agreed.total() / 100


def test_a_long_run_is_continued_where_it_was_stopped(tmp_path: Path) -> None:
    state = tmp_path / "state"
    assert long.main(["--runs", "2", "--steps", "5", "--state", str(state)]) == 0
    first = json.loads(state.read_text())
    assert first["next"] == 2
    assert long.main(["--runs", "3", "--steps", "5", "--state", str(state)]) == 0
    second = json.loads(state.read_text())
    assert (second["next"], second["failed"]) == (3, [])
    assert Counter(second["agreed"]) > Counter(first["agreed"])
    with pytest.raises(SystemExit, match="5 steps"):
        long.main(["--runs", "3", "--steps", "6", "--state", str(state)])
