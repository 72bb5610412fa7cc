"""The words of checking a public alert, and of e-mail notices: one table, German and English (see ``texts``)."""

from __future__ import annotations

# fmt: off
CLEAR: dict[str, tuple[str, str]] = {
    "clear_step_1": (
        "die Gründung ist die genannte, beide Prüfpunkte sind von den Protokollen dieser Austauschplattform unterschrieben",
        "the founding is the one named; both checkpoints are signed by this exchange's logs"),
    "clear_step_2": (
        "Journaleintrag {index} ist die Freigabe genau dieser Meldung und steht unter dem Prüfpunkt",
        "journal entry {index} is the release of exactly this alert and stands under the checkpoint"),
    "clear_step_3": (
        "{number} Einträge stehen in der Teilnehmerliste und befolgen ihre Regeln; danach waren Verfasser und Freigebende "
        "zugelassen, und genau sie haben unterschrieben (Ed25519 und ML-DSA-65)",
        "{number} registry statements stand in the registry and follow its rules; by them author and approvers were in "
        "force, and exactly they signed (Ed25519 and ML-DSA-65)"),
    "clear_step_4": (
        "Meldung und Eintrag stimmen überein, die Frist wurde eingehalten, die genannten Protokollstände sind echt",
        "alert and entry agree, the time window was kept, the log heads named are the logs' own"),
    "clear_step_5": (
        "die Regeln erlauben die Veröffentlichung; weitere Personen, die freigegeben haben: {number}",
        "the rules allow it to be published; other persons who approved: {number}"),
    "clear_step_6": ("der Inhalt ist der unterschriebene", "the content is the one that was signed"),
    "clear_step_9": ("der Inhalt ist wohlgeformt", "the content is well-formed"),
    "clear_verified": (
        "geprüft: {issuer} hat diese Meldung am {released} veröffentlicht",
        "verified: {issuer} published this alert on {released}"),
    "clear_expired": ("die Gültigkeit dieser Meldung ist abgelaufen", "this alert is no longer valid"),
    "clear_limit_chain": (
        "nicht beweisbar: dass in der Teilnehmerliste bis zur Meldung kein weiterer Eintrag zu diesen Personen und Geräten steht, "
        "zum Beispiel eine Sperrung; das Ende jeder Kette ist eine Angabe der Austauschplattform, die nur Mitglieder prüfen",
        "cannot be proven: that up to the alert the registry holds no further statement about these persons and devices, "
        "for example a revocation; the end of each chain is the exchange's word, which only members check"),
    "clear_limit_newer": (
        "nicht beweisbar: dass es keine neuere Fassung und keine Rücknahme gibt; bitte auf der Seite nachsehen",
        "cannot be proven: that there is no newer version and no withdrawal; look at the page"),
    "clear_limit_witness": (
        "nicht geprüft: ob andere denselben Prüfpunkt gesehen haben",
        "not checked: whether others have seen the same checkpoint"),
    "ask_notice": (
        "mit Einwilligung der Person: E-Mail-Hinweise für {name} an {address} senden?",
        "with the person's consent: send e-mail notices for {name} to {address}?"),
    "ask_notice_off": ("keine E-Mail-Hinweise mehr an {name}?", "no e-mail notices to {name} any more?"),
    "notice_which": ("entweder --address oder --off angeben", "give either --address or --off"),
    "notice_nameless": (
        "der Name von {name} ist hier nicht bekannt und ginge verloren",
        "the name of {name} is not known here and would be lost"),
    "code_bad-notice": (
        "das ist keine E-Mail-Adresse: name@rechner.domain in ASCII, andere Alphabete als xn--",
        "this is not an e-mail address: name@host.domain in ASCII, other alphabets as xn--"),
    "clear_nameless": ("Organisation {id}", "organisation {id}"),
    "clear_attachment": ("Anlage {number} ist die unterschriebene", "attachment {number} is the one that was signed"),
    "hint_clear_refused": (
        "richten Sie sich nicht nach dieser Meldung; fragen Sie die genannte Stelle auf anderem Weg",
        "do not act on this alert; ask whoever it names by another channel"),
    "hint_clear_url": (
        "die Adresse der Meldung, https://.../clear/<Kennung>, oder die Datei des Nachweises",
        "the alert's address, https://.../clear/<id>, or the file of its evidence"),
    "clear_url_wrong": ("{url} ist nicht die Adresse einer öffentlichen Meldung", "{url} is not a public alert's address"),
    "clear_exchange_wrong": (
        "--exchange ist die Kennung der Austauschplattform, 64 Zeichen 0-9 und a-f",
        "--exchange is the exchange id, 64 characters 0-9 and a-f"),
    "field_organisation": ("Organisation", "organisation"),

    # -- errors by code
    "code_evidence-malformed": ("das ist kein Nachweis einer Meldung", "this is not an alert's evidence"),
    "code_checkpoint-invalid": ("ein Prüfpunkt ist nicht gültig unterschrieben", "a checkpoint's signature does not verify"),
    "code_founding-missing": ("der Nachweis beginnt nicht mit der Gründung", "the evidence does not begin with the founding"),
    "code_proof-invalid": (
        "ein Eintrag steht nicht unter dem Prüfpunkt",
        "an entry does not stand under the checkpoint"),
    "code_registry-unknown": (
        "der Eintrag nennt einen Stand der Teilnehmerliste, den der Nachweis nicht belegt",
        "the entry names a state of the registry that is not proven"),
    "code_statement-mismatch": (
        "das ist der Nachweis einer anderen Meldung",
        "this is another alert's evidence"),
    "code_signatures-mismatch": (
        "die Unterschriften sind nicht die angenommenen",
        "the signatures are not those that were accepted"),
    "code_part-mismatch": ("der Inhalt ist nicht der unterschriebene", "the content is not the one that was signed"),
    "code_content-missing": ("der Nachweis enthält den Inhalt nicht", "the evidence does not hold the content"),
    "code_attachment-unknown": (
        "eine Datei ist keine der unterschriebenen Anlagen",
        "a file is none of the attachments that were signed"),
}
"""Text key to (German, English)."""
# fmt: on
