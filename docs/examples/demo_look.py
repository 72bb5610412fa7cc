"""The demo's last look: what the operator can see of an alert, and a search of the server for what it must not know."""

from __future__ import annotations

import base64
import json
import sqlite3
import unicodedata
from contextlib import closing
from typing import Any

from demo_stage import FOLDER, HERE, Example, check, say


def operator_view(warning: Example) -> None:
    """The whole of what lies on the server about one alert, read from its database as the operator could."""
    with closing(sqlite3.connect(f"file:{FOLDER / 'server' / 'exchange.db'}?mode=ro", uri=True)) as database:
        envelope, index = database.execute(
            "select envelope, [index] from statement where statement = ? order by [index] desc", (warning.statement,)
        ).fetchone()
        entry = database.execute("select data from entry where log = 'journal' and [index] = ?", (index,)).fetchone()[0]
    body = json.loads(base64.b64decode(json.loads(envelope)["payload"]))
    say(f"  journal entry {index}: {entry.decode()[:300]}…")
    core = body["core"]
    for key in ("label", "audience", "kind", "urgency", "severity", "exercise", "valid_until", "stanzas", "keyless"):
        say(f"    {key:12} {json.dumps(core.get(key), ensure_ascii=False)}")
    say(f"    {'ciphertexts':12} {json.dumps([part['length'] for part in body['sealed']['parts']])} bytes")
    say("  and neither title, text, contact, place nor file names; they are only inside.")


def search_server(organisations: list[dict[str, Any]], warnings: list[Example]) -> None:
    """Every byte below ``server/``: no content of a sealed alert anywhere, names only in the table of openings."""
    stored = [(path.name, path.read_bytes()) for path in (FOLDER / "server").rglob("*") if path.is_file()]
    words: set[str] = set()
    for warning in warnings:
        if warning.label == "CLEAR":
            continue
        body = warning.file.read_text("utf-8").split("+++", 2)[2]
        words.update(line.strip() for line in body.splitlines() if len(line.strip()) > 24)
        words.update(
            str(warning.front[key]) for key in ("title", "contact", "place", "number") if warning.front.get(key)
        )
        words.update(warning.front.get("attachments", []))
    public = " ".join(w.file.read_text("utf-8") for w in warnings if w.label == "CLEAR")
    public += " ".join(
        str(v) for o in organisations for v in (o.get("contact"), *(p.get("contact") for p in o["person"]))
    )
    hits = {
        word
        for word in words
        for _, data in stored
        if word not in public and unicodedata.normalize("NFC", word).encode() in data
    }
    check(
        not hits,
        f"no text, title, contact, place, number or file name of a sealed alert ({len(words)} strings searched)",
    )
    attachments = {name for w in warnings if w.label != "CLEAR" for name in w.front.get("attachments", [])}
    pieces = [(HERE / "alerts" / name).read_bytes()[1000:1064] for name in attachments]
    check(not any(piece in data for piece in pieces for _, data in stored), "no piece of an attachment")
    names = [str(o["name"]) for o in organisations] + [str(p["name"]) for o in organisations for p in o["person"]]
    check(
        names_only_in_openings(names, warnings),
        "names of persons and organisations only in the erasable table of openings",
    )


def names_only_in_openings(names: list[str], warnings: list[Example]) -> bool:
    """Copy the database, empty the openings (and what is public), rewrite the file, and search again."""
    copy = FOLDER / "search.db"
    stored = f"file:{FOLDER / 'server' / 'exchange.db'}?mode=ro"
    with closing(sqlite3.connect(stored, uri=True)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    clear = [w.statement for w in warnings if w.label == "CLEAR"]
    # Closed at the end: only then is everything in the one file that is searched.
    with closing(sqlite3.connect(copy)) as database:
        database.execute("delete from opening")
        marks = ",".join("?" * len(clear))
        database.execute(
            "delete from blob_chunk where blob in (select blob from blob where sha256 in"
            f" (select sha256 from claim where statement in ({marks})))",
            clear,
        )
        database.commit()
        database.execute("vacuum")
    data = copy.read_bytes()
    copy.unlink()
    others = b"".join(
        p.read_bytes() for p in (FOLDER / "server").rglob("*") if p.is_file() and "exchange.db" not in p.name
    )
    return not any(name.encode() in data or name.encode() in others for name in names)
