"""The texts of ``audit evidence``, German and English (see ``texts``)."""

from __future__ import annotations

# fmt: off
AUDIT_EVIDENCE: dict[str, tuple[str, str]] = {
    "evidence_verified": (
        "der Nachweis der Meldung {statement} der Austauschplattform {exchange} stimmt",
        "the evidence of the alert {statement} of the exchange {exchange} verifies"),
    "progress_evidence": ("Journal durchsehen", "searching the journal"),
    "evidence_written": ("{files} Dateien, {size} Bytes", "{files} files, {size} bytes"),
    "evidence_refused": ("kein Nachweis: {reason}", "no evidence: {reason}"),
    "evidence_refused_file": (
        "der Nachweis stimmt nicht, Datei {file}: {reason}",
        "the evidence does not verify, file {file}: {reason}"),
    "evidence_usage": (
        "entweder ALERT mit --bundle und --out, oder verify ORDNER mit --exchange",
        "either ALERT with --bundle and --out, or verify FOLDER with --exchange"),
    "hint_evidence_make": (
        "exchange audit evidence KENNUNG --bundle AUSLEITUNG --out ORDNER",
        "exchange audit evidence ID --bundle EXPORT --out FOLDER"),
    "hint_evidence_verify": (
        "exchange audit evidence verify ORDNER --exchange KENNUNG",
        "exchange audit evidence verify FOLDER --exchange ID"),
    "hint_evidence_check": (
        "jeder prüft ohne Netz: exchange audit evidence verify {out} --exchange {exchange}",
        "anybody verifies it offline: exchange audit evidence verify {out} --exchange {exchange}"),
    "evidence_extra": ("{file} gehört nicht zum Nachweis", "{file} is no part of the evidence"),
    "evidence_newer": (
        "es gibt eine neuere Fassung {version}: {statement}",
        "there is a newer version {version}: {statement}"),
    "evidence_entry": ("Eintrag {index} des Journals", "entry {index} of the journal"),
    "evidence_left_out": (
        "{count} weitere Bestätigungen und Reaktionen stehen im Journal und nicht im Nachweis",
        "{count} further receipts and reactions stand in the journal and not in the evidence"),
    "evidence_witness": (
        "Zeuge {name} hat den Prüfpunkt {log} mitunterschrieben: {at}",
        "witness {name} cosigned the checkpoint of {log}: {at}"),
    "state_evidence_received": ("empfangen", "received"),
    "state_evidence_read": ("gelesen", "read"),
    "evidence_unchecked": ("gezeigt, nicht geprüft", "shown, not checked"),
    "state_evidence_confirmed": ("bestätigt", "confirmed"),
    "state_evidence_objected": ("beanstandet", "objected"),
    "field_evidence_label": ("Kennzeichnung", "label"),
    "field_evidence_version": ("Fassung", "version"),
    "field_evidence_released": ("angenommen", "accepted"),
    "field_evidence_organisation": ("Organisation", "organisation"),
    "field_evidence_author": ("unterschrieben von", "signed by"),
    "field_evidence_approval": ("freigegeben von", "approved by"),
    "field_evidence_required": ("verlangte Freigaben", "approvals required"),
    "field_evidence_leaves": ("versiegelt an Geräte", "sealed to devices"),
    "field_evidence_review": ("nachträglich geprüft von", "reviewed by"),
    "head_evidence_device": ("Gerät oder Person", "device or person"),
    "head_level": ("Stufe", "level"),
    "head_at": ("Zeit", "time"),
    "state_evidence_limit_recipients": (
        "nicht bewiesen: dass genau diese Empfänger sie erhalten mussten; das zeigt nur eine ganze Ausleitung",
        "not proven: that exactly these recipients had to receive it; only a whole export shows that"),
    "state_evidence_limit_chain_end": (
        "nicht bewiesen: dass am Ende der gezeigten Erklärungen keine fehlt, zum Beispiel eine Sperre vor der Meldung "
        "(bewiesen wird es mit --whole-registry)",
        "not proven: that none is missing at the end of the statements shown, for example a revocation before the alert "
        "(proven with --whole-registry)"),
    "state_evidence_limit_newer": (
        "nicht bewiesen: dass nach Eintrag {size} des Journals keine neuere Fassung und keine Rücknahme folgte",
        "not proven: that no newer version and no withdrawal followed after entry {size} of the journal"),
    "state_evidence_limit_lineage": (
        "nicht neu berechnet: was von den früheren Fassungen abhängt, außer ihrer Reihenfolge (R10, R11)",
        "not recomputed: what depends on the earlier versions, but for their order (R10, R11)"),
    "state_evidence_limit_receipts": (
        "nicht geprüft: die Unterschriften der Bestätigungen, deren Geräte der Nachweis nicht zeigt (mit --with-readers)",
        "not checked: the signatures of receipts whose devices the evidence does not show (shown with --with-readers)"),
    "state_evidence_limit_text": (
        "nicht enthalten: der Text der Meldung, und was ein Empfänger öffnen konnte",
        "not contained: the text of the alert, and what a recipient could open"),
    "state_evidence_limit_witness": (
        "nicht bezeugt: dass alle dieses Protokoll gesehen haben; es sind keine Zeugen benannt, oder zu wenige haben "
        "diese Prüfpunkte mitunterschrieben",
        "not witnessed: that everybody was shown this log; no witnesses are named, or too few cosigned these checkpoints"),
    "code_alert-unreleased": ("diese Meldung wurde nie veröffentlicht", "this alert was never released"),
    "code_evidence-exists": ("der Ordner ist schon da und anders", "the folder is there already and differs"),
    "code_evidence-too-large": (
        "die Erklärungen hinter dieser Meldung sind zu viele für einen Nachweis",
        "the statements behind this alert are too many for one pack"),
    "code_not-evidence": ("das ist kein Ordner mit einem Nachweis", "this is no folder with evidence"),
    "code_file-differs": ("eine Datei wurde verändert", "a file was changed"),
    "code_key-file-differs": ("ein Schlüssel ist nicht der aus der Gründung", "a key is not the founding's"),
    "code_cosignature-invalid": (
        "die Unterschrift eines benannten Zeugen ist ungültig",
        "the signature of a named witness does not verify"),
    "code_receipt-without-leaf": (
        "eine Bestätigung ist von einem Gerät, dem die Meldung nie versiegelt wurde",
        "a receipt is by a device that the alert was never sealed to"),
}
"""Text key to (German, English)."""

HELP_AUDIT_EVIDENCE: dict[str, tuple[str, str]] = {
    "audit_evidence": (
        "Nachweis einer einzelnen Meldung anlegen, oder einen prüfen (verify ORDNER)",
        "make the evidence of a single alert, or verify one (verify FOLDER)"),
    "arg_evidence": (
        "Kennung der Erklärung oder ihr Anfang (mindestens 8 Ziffern), oder Kennung der Meldung; oder: verify ORDNER",
        "statement id or its beginning (8 digits at least), or alert id; or: verify FOLDER"),
    "opt_evidence_bundle": ("Ausleitung, aus der der Nachweis entsteht", "export that the evidence is made from"),
    "opt_evidence_out": ("Ordner, der angelegt wird", "folder to create"),
    "opt_with_names": (
        "mit den Namen der beteiligten Organisationen und Personen",
        "with the names of the organisations and persons concerned"),
    "opt_with_readers": (
        "mit den Eintragungen der Geräte, die bestätigt haben: ihre Unterschriften werden prüfbar",
        "with the enrolments of the devices that confirmed: their signatures can be checked"),
    "opt_whole_registry": (
        "mit allen Einträgen der Teilnehmerliste, ohne Namen: auch eine ausgelassene Sperre fällt auf",
        "with all entries of the registry, nameless: a revocation that is left out is noticed too"),
    "opt_receipts": ("so viele Bestätigungen höchstens", "at most so many receipts"),
}
# fmt: on
