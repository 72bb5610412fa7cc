"""The texts of ``audit prove-fork`` and ``audit check-fork``, German and English (see ``texts``)."""

from __future__ import annotations

# fmt: off
AUDIT_FORK: dict[str, tuple[str, str]] = {
    "fork_proven": (
        "bewiesen: das Protokoll {log} der Austauschplattform {exchange} hat zwei Fassungen der Vergangenheit unterschrieben",
        "proven: the log {log} of the exchange {exchange} signed two versions of the past"),
    "fork_first": (
        "ein Prüfpunkt nennt bei {size} Einträgen die Wurzel {root}",
        "one checkpoint names, at {size} entries, the root {root}"),
    "fork_second": (
        "ein anderer nennt bei {size} Einträgen die Wurzel {root}",
        "another names, at {size} entries, the root {root}"),
    "fork_other": (
        "aus dem anderen mit {size} Einträgen folgt bei {first} Einträgen die Wurzel {root}",
        "from the other, of {size} entries, follows at {first} entries the root {root}"),
    "fork_not_proven": ("keine Abspaltung bewiesen: {reason}", "no fork proven: {reason}"),
    "hint_fork": (
        "geben Sie {out} an Registrare, Zeugen und andere Mitglieder, auf anderem Weg als über die Austauschplattform; "
        "jeder prüft mit: exchange audit check-fork {out} --exchange {exchange}",
        "hand {out} to registrars, witnesses and other members, by another way than the exchange; "
        "anybody checks it with: exchange audit check-fork {out} --exchange {exchange}"),
    "code_fork-none": (
        "die beiden Prüfpunkte widersprechen sich nicht; der größere setzt den kleineren fort",
        "the two checkpoints do not contradict each other; the larger one continues the smaller"),
    "code_fork-undecided": (
        "mit dieser Kopie ist es nicht zu entscheiden: sie reicht nicht bis zum größeren Prüfpunkt; "
        "mit --bundle eine Ausleitung angeben, die ihn enthält",
        "this copy cannot tell: it does not reach to the larger checkpoint; "
        "give an export that contains it with --bundle"),
    "code_fork-logs": (
        "die beiden sind nicht Prüfpunkte desselben Protokolls dieser Austauschplattform",
        "the two are not checkpoints of one log of this exchange"),
    "code_fork-note": (
        "ein Prüfpunkt ist nicht mit beiden Schlüsseln des Protokolls unterschrieben",
        "a checkpoint is not signed with both of the log's keys"),
    "code_fork-exchange": (
        "die Datei gehört zu einer anderen Austauschplattform",
        "the file belongs to another exchange"),
    "code_fork-malformed": ("das ist keine Datei dieser Art", "this is not such a file"),
    "code_fork-unproven": (
        "die Prüfsummen führen nicht zum größeren Prüfpunkt",
        "the hashes do not lead to the larger checkpoint"),
}
"""Text key to (German, English)."""

HELP_AUDIT_FORK: dict[str, tuple[str, str]] = {
    "audit_prove_fork": (
        "aus zwei widersprüchlichen Prüfpunkten eine Datei machen, die es jedem beweist",
        "make of two contradicting checkpoints a file that proves it to anybody"),
    "audit_check_fork": ("einen solchen Beweis ohne Netz prüfen", "verify such a proof, offline"),
    "arg_checkpoint": ("unterschriebener Prüfpunkt", "signed checkpoint"),
    "arg_fork": ("Beweis einer Abspaltung", "proof of a fork"),
    "opt_fork_out": ("Datei, die angelegt wird; üblich ist .fork.json", "file to create; usually .fork.json"),
    "opt_fork_bundle": (
        "Ausleitung statt der Kopie dieses Geräts",
        "export to take instead of this device's own copy"),
}
# fmt: on
