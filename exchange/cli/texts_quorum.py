"""The words about witnesses, the quorum and its age: one table, German and English (see ``texts``)."""

from __future__ import annotations

# fmt: off
QUORUM: dict[str, tuple[str, str]] = {
    "witness_none": (
        "kein Zeuge ist benannt: noch bestätigt niemand Drittes, dass alle dieselben Protokolle sehen",
        "no witness is named: nobody else confirms yet that all see the same logs"),
    "witness_seen": (
        "bezeugt von mindestens {quorum} von {number} Zeugen, zuletzt {at}",
        "witnessed by at least {quorum} of {number} witnesses, last {at}"),
    "witness_waiting": (
        "noch nicht bezeugt: auf die neuesten Einträge wird mit {quorum} von {number} Zeugen gewartet",
        "not yet witnessed: the newest entries wait for {quorum} of {number} witnesses"),
    "witness_alarm": (
        "ALARM: seit über 15 Minuten haben nicht mehr {quorum} von {number} Zeugen alles bestätigt (zuletzt: {at}); "
        "es schweigen: {names} [{code}]",
        "ALARM: for over 15 minutes {quorum} of {number} witnesses have not confirmed everything (last: {at}); "
        "silent: {names} [{code}]"),
    "witness_never": ("noch nie", "never"),
    "witness_nobody": ("niemand", "nobody"),
    "state_unwitnessed": ("noch nicht bezeugt", "not yet witnessed"),
    "field_prepared": ("Stand", "prepared"),
    "prepared_seen": (
        "auf einer Teilnehmerliste, die {quorum} von {number} Zeugen {age} vorher gesehen hatten",
        "on a registry that {quorum} of {number} witnesses had seen {age} before"),
    "prepared_never": (
        "auf einer Teilnehmerliste, die {quorum} von {number} Zeugen noch nie gesehen hatten",
        "on a registry that {quorum} of {number} witnesses had never seen"),
    "unwitnessed_confirm": (
        "Alter der letzten Bestätigung der Teilnehmerliste durch {quorum} von {number} Zeugen: {age}, also über 15 Minuten; "
        "es schweigen: {names}",
        "age of the last confirmation of the registry by {quorum} of {number} witnesses: {age}, so over 15 minutes; "
        "silent: {names}"),
    "hint_unwitnessed": (
        "wenn es trotzdem sein muss: --unwitnessed; das Alter steht dann für immer in der Meldung",
        "if it must be all the same: --unwitnessed; the age then stands in the alert for ever"),
    "code_unwitnessed": (
        "die Zeugen haben die Teilnehmerliste seit über 15 Minuten nicht bestätigt; --unwitnessed bestätigt das",
        "the witnesses have not confirmed the registry for over 15 minutes; --unwitnessed confirms that"),
    "code_cosignature-invalid": (
        "die Unterschrift eines benannten Zeugen unter einem Prüfpunkt stimmt nicht",
        "the signature of a named witness under a checkpoint does not verify"),
}

HELP_QUORUM: dict[str, tuple[str, str]] = {
    "opt_require_quorum": (
        "nicht in Ordnung ist auch ein letzter Stand, den nicht genügend Zeugen gesehen haben",
        "refuse as well a last state that too few witnesses have seen"),
    "opt_unwitnessed": (
        "auch wenn die Zeugen die Teilnehmerliste seit über 15 Minuten nicht bestätigt haben",
        "although the witnesses have not confirmed the registry for over 15 minutes"),
}
