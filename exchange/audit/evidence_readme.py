"""The plain explanation in an evidence pack, German and English in one text (``docs/spec/evidence.md``). Text only.

For somebody who gets the folder years later and knows nothing about it. It is no evidence itself: nobody signed it.
"""

from __future__ import annotations

from datetime import UTC, datetime

from exchange.model.entry import Entry
from exchange.model.statements import Statement

GERMAN = """\
Nachweis zu einer Meldung
=========================

Dieser Ordner belegt eine einzelne Meldung einer Austauschplattform für Warnmeldungen nach dem Traffic
Light Protocol (TLP 2.0). Er belegt, wer sie unterschrieben und freigegeben hat, wann sie angenommen wurde
und dass sie im Protokoll der Austauschplattform steht. Er braucht dazu weder ein Netz noch die Austauschplattform.
Was in der Meldung stand, enthält er nicht.

  Austauschplattform   {exchange}
  Meldung (Erklärung)  {statement}
  Kennung, Fassung     {alert}, {version}
  Kennzeichnung        TLP:{label}
  angenommen           {released} (Weltzeit), Eintrag {index}

Prüfen
------
Mit dem Programm der Austauschplattform, ohne Netz:

  exchange audit evidence verify ORDNER --exchange {exchange}

Nehmen Sie die Kennung der Austauschplattform dazu nicht aus diesem Text, sondern aus anderer Quelle: von einem
Registrar, aus einer Einladung oder einer Veröffentlichung. Alles andere folgt aus ihr.

Mit Programmen anderer:
  *.tlog-proof   Nachweis, dass ein Eintrag im Protokoll steht (Format c2sp.org/tlog-proof). Der Eintrag ist die
                 gleichnamige Datei .entry, der Schlüssel steht in keys/ (journal zu alert, registry zu founding).
  alert.json     Erklärung mit Unterschriften (Format DSSE). SHA-256 der unterschriebenen Bytes (PAE) ist die
                 oben genannte Meldung und steht so im Eintrag.
  MANIFEST.json  Länge und SHA-256 jeder Datei.

Dateien
-------
  alert.*        die Meldung mit den Unterschriften von Verfasser und Freigebenden
  founding.*     die Gründung: die Schlüssel der Protokolle und der Registrare
  registry.json.gz  Erklärungen, die Verfasser und Freigebende berechtigen, jede mit Nachweis
  journal.json.gz  weitere Fassungen, Prüfungen und Empfangsbestätigungen, jede mit Nachweis
  signatures.mldsa65  die ML-DSA-65-Unterschriften zu beiden, der Reihe nach je 3.309 Bytes
  leaves         für jedes Gerät, an das versiegelt wurde, ein namenloser Eintrag (nicht bei TLP:CLEAR)
{options_de}
Was dies nicht beweist
----------------------
  * dass genau diese Empfänger sie erhalten mussten: dazu gehört die ganze Teilnehmerliste
{chain_de}\
  * dass es keine neuere Fassung und keine Rücknahme gibt, die später angenommen wurde als der Prüfpunkt
  * was in der Meldung stand, und was ein Empfänger tatsächlich öffnen konnte
  * wer die Personen hinter den Schlüsseln sind: dafür stehen die Registrare ein
Dieser Text selbst ist nicht unterschrieben.
"""
ENGLISH = """\
Evidence of one alert
=====================

This folder is evidence of a single alert of an exchange for warnings under the Traffic Light Protocol
(TLP 2.0). It shows who signed and approved it, when it was accepted, and that it stands in the exchange's
log. It needs neither a network nor the exchange for that. What the alert said is not in it.

  exchange             {exchange}
  alert (statement)    {statement}
  alert id, version    {alert}, {version}
  label                TLP:{label}
  accepted             {released} (UTC), entry {index}

Verifying
---------
With the exchange's own program, offline:

  exchange audit evidence verify FOLDER --exchange {exchange}

Do not take the exchange id for it from this text but from elsewhere: from a registrar, an invitation or a
publication. Everything else follows from it.

With other people's programs:
  *.tlog-proof   proof that an entry stands in the log (format c2sp.org/tlog-proof). The entry is the file .entry
                 of the same name, the key is in keys/ (journal for alert, registry for founding).
  alert.json     statement with signatures (format DSSE). SHA-256 of the signed bytes (PAE) is the alert named
                 above and stands so in the entry.
  MANIFEST.json  length and SHA-256 of every file.

Files
-----
  alert.*        the alert with the signatures of author and approvers
  founding.*     the founding: the keys of the logs and of the registrars
  registry.json.gz  statements that entitle author and approvers, each with its proof
  journal.json.gz  other versions, reviews and receipts, each with its proof
  signatures.mldsa65  the ML-DSA-65 signatures of both, in order, 3,309 bytes each
  leaves         for each device that it was sealed to a nameless record (not with TLP:CLEAR)
{options_en}
What this does not prove
------------------------
  * that exactly these recipients had to receive it: that takes the whole registry
{chain_en}\
  * that there is no newer version and no withdrawal that was accepted later than the checkpoint
  * what the alert said, and what a recipient could really open
  * who the persons behind the keys are: the registrars vouch for that
This text itself is not signed.
"""
OPTIONS = (
    (
        "  openings.json  Namen der beteiligten Organisationen und Personen, soweit sie nicht gelöscht sind\n",
        "  openings.json  names of the organisations and persons concerned, as far as they were not erased\n",
    ),
    (
        "                 registry.json.gz berechtigt auch Geräte, die bestätigt haben; journal.json.gz hat ihre Wochenschlüssel\n",
        "                 registry.json.gz entitles the devices that confirmed, too; journal.json.gz has their weekly keys\n",
    ),
    (
        "  registry.entries  alle Einträge der Teilnehmerliste bei der Annahme, ohne Namen\n",
        "  registry.entries  all entries of the registry at acceptance, nameless\n",
    ),
)
CHAIN = (
    "  * dass zwischen den gezeigten Erklärungen keine weitere fehlt, zum Beispiel eine Sperre vor der Meldung\n",
    "  * that no further statement is missing at the end of those shown, for example a revocation before the alert\n",
)


def readme(exchange: str, statement: Statement, index: int, entry: Entry, choices: tuple[bool, bool, bool]) -> str:
    """The explanation of a released alert's pack; ``choices`` are names, readers and whole registry."""
    core = statement.alert.core
    added = [text for chosen, text in zip(choices, OPTIONS, strict=True) if chosen]
    values = {
        "alert": core.alert,
        "chain_de": "" if choices[2] else CHAIN[0],
        "chain_en": "" if choices[2] else CHAIN[1],
        "exchange": exchange,
        "index": index,
        "label": core.label.value,
        "options_de": "".join(german for german, _ in added),
        "options_en": "".join(english for _, english in added),
        "released": f"{datetime.fromtimestamp(entry.at, UTC):%Y-%m-%d %H:%M:%S}",
        "statement": statement.id,
        "version": core.version,
    }
    return GERMAN.format(**values) + "\n\n" + ENGLISH.format(**values)
