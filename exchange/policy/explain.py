"""Every reason code as a sentence for a person, in German and English (``docs/spec/policy.md``, ``statements.md``).

Pure text: the code was decided elsewhere, nothing is decided here. A sentence stands for one code; ``{0}``, ``{1}`` are the
decision's values in order and ``{all}`` all of them. Labels and rule numbers are never translated. A test holds the table
against every code that roster, rules, decision, key table and replay can give.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from exchange.policy.rules import Decision

Language = Literal["de", "en"]

_FAULTS: dict[str, tuple[str, str]] = {
    "organisation-unknown": (
        "diese Organisation ist der Teilnehmerliste nicht bekannt",
        "the registry does not know this organisation",
    ),
    "organisation-removed": ("die Organisation ist ausgeschieden", "the organisation was removed"),
    "organisation-suspended": ("die Teilnahme der Organisation ruht", "the organisation is suspended"),
    "membership-expired": (
        "die Teilnahme der Organisation ist abgelaufen",
        "the organisation's membership has expired",
    ),
    "terms-not-accepted": (
        "die Organisation hat die geltende Arbeitsordnung nicht angenommen",
        "the organisation has not accepted the current terms of participation",
    ),
    "sponsor-not-admitted": (
        "die Organisation, die diesen Mandanten führt, ist nicht zugelassen",
        "the organisation that sponsors this client is not admitted",
    ),
    "person-unknown": ("diese Person ist der Teilnehmerliste nicht bekannt", "the registry does not know this person"),
    "person-removed": ("die Person ist ausgeschieden", "the person was removed"),
    "device-unknown": ("dieses Gerät ist der Teilnehmerliste nicht bekannt", "the registry does not know this device"),
    "device-revoked": ("das Gerät ist gesperrt", "the device was revoked"),
}
"""Why somebody is not in force (R1, M4); also said of author and approvers, with their prefix."""

_PERSONS: dict[str, tuple[str, str]] = {
    "author": (
        "erhält die Meldung, weil sie von dieser Person stammt",
        "receives the alert because this person is its author",
    ),
    "candidate-approver": (
        "erhält die Meldung, weil sie dieser Person zur Freigabe vorgelegt wird",
        "receives the alert because this person is asked to approve it",
    ),
    "named": ("ist im Empfängerkreis namentlich genannt", "is named in the audience"),
    "everyone": ("die Meldung richtet sich an alle", "the audience is everyone"),
    "organisation-named": ("die eigene Organisation ist im Empfängerkreis genannt", "the organisation is named"),
    "selected": (
        "Branche, Gebiet und Thema treffen zu",
        "sectors, areas and topics match, as far as the audience gives them",
    ),
    "public": (
        "TLP:CLEAR ist öffentlich und wird an niemanden verschlüsselt",
        "TLP:CLEAR is public and sealed to nobody",
    ),
    "auditor": ("wer prüft, erhält keine Meldungen", "an auditor receives no alert"),
    "client-grants-only": (
        "Mandanten gehören zu keinem Empfängerkreis; sie erhalten nur, was an sie weitergegeben wird",
        "clients are in no audience; they receive only what is passed on to them",
    ),
    "not-named": (
        "TLP:RED geht nur an namentlich genannte Personen, und diese ist nicht genannt",
        "TLP:RED goes to named persons only, and this one is not named",
    ),
    "not-addressed": (
        "weder die Person noch die Organisation gehört zum Empfängerkreis",
        "neither the person nor the organisation is in the audience",
    ),
    "not-officer": (
        "die Person hat nicht die Rolle officer",
        "the person does not have the role officer",
    ),
    "topic-missing": (
        "die Person hat keines der genannten Themen ({all})",
        "the person has none of the topics named ({all})",
    ),
    "earlier-recipient": (
        "hat eine frühere Fassung erhalten",
        "received an earlier version",
    ),
    "earlier-recipient-said": (
        "hat nach Angabe der absendenden Organisation eine frühere Fassung erhalten; dieses Gerät hat keine",
        "received an earlier version, as the sending organisation says; this device has none",
    ),
    "no-earlier-recipient": (
        "hat keine frühere Fassung erhalten",
        "received no earlier version",
    ),
}

_ALERTS: dict[str, tuple[str, str]] = {
    "released": ("die Meldung ist freigegeben", "the alert is released"),
    "proposed": ("die Meldung wartet auf Freigabe", "the alert waits for approval"),
    "not-author": (
        "die absendende Person hat nicht die Rolle author",
        "the person who publishes does not have the role author",
    ),
    "label-not-allowed": (
        "eine Organisation der Art {0} darf TLP:{1} nicht veröffentlichen",
        "an organisation of kind {0} may not publish TLP:{1}",
    ),
    "red-names-persons-only": (
        "TLP:RED nennt nur Personen; hier stehen auch: {all}",
        "TLP:RED names persons only; this audience also has: {all}",
    ),
    "too-many-named": (
        "{0} Personen sind genannt, bei TLP:RED sind höchstens {1} erlaubt",
        "{0} persons are named; TLP:RED allows at most {1}",
    ),
    "approvals-below-policy": (
        "{0} Freigaben sind vorgesehen, die Regeln verlangen {1}",
        "the alert asks for {0} approvals, the policy demands {1}",
    ),
    "approver-twice": (
        "dieselbe Person hat zweimal freigegeben; vier Augen sind zwei Personen",
        "one person approved twice; four eyes are two persons",
    ),
    "approvals-too-many": (
        "{0} Freigaben liegen vor, vorgesehen sind {1}",
        "there are {0} approvals, the alert asks for {1}",
    ),
    "approver-is-author": (
        "wer eine Meldung schreibt, gibt sie nicht selbst frei",
        "the author does not approve their own alert",
    ),
    "approver-not-candidate": (
        "{0} ist in der Meldung nicht zur Freigabe benannt",
        "{0} is not among the approvers that the alert names",
    ),
    "approver-other-organisation": (
        "freigeben kann nur, wer zur Organisation der Verfasserin oder des Verfassers gehört",
        "an approver belongs to the author's organisation",
    ),
    "not-approver": ("die Person hat nicht die Rolle approver", "the person does not have the role approver"),
    "policy-mismatch": (
        "die Meldung nennt nicht die geltenden Regeln",
        "the alert does not name the policy that is in force",
    ),
    "policy-missing": ("es sind noch keine Regeln beschlossen", "no policy was adopted yet"),
    "clear-has-no-audience": ("TLP:CLEAR hat keinen Empfängerkreis", "TLP:CLEAR has no audience"),
    "clear-has-no-stanzas": ("TLP:CLEAR wird nicht verschlüsselt", "TLP:CLEAR is not sealed"),
    "audience-missing": (
        "der Empfängerkreis fehlt; nur TLP:CLEAR hat keinen",
        "the audience is missing; only TLP:CLEAR has none",
    ),
    "audience-empty": (
        "niemand außer Verfasser und Freigebenden würde die Meldung erhalten",
        "nobody besides author and approvers would receive the alert",
    ),
    "circle-unknown": (
        "dieser Arbeitskreis ist der Teilnehmerliste nicht bekannt",
        "the registry does not know this circle",
    ),
    "version-malformed": (
        "Fassung {1} und Vorgang {0} passen nicht zusammen: nur Fassung 1 ist neu, jede spätere nennt ihre Vorgängerin",
        "version {1} and action {0} do not fit: only version 1 is new, every later one names the one before",
    ),
    "version-of-other-organisation": (
        "eine neue Fassung kann nur die Organisation schreiben, von der die erste stammt",
        "only the organisation of the first version's author makes a new one",
    ),
    "version-unreleased": (
        "Fassung {0} dieser Meldung ist nicht veröffentlicht; eine neue Fassung folgt auf die neueste",
        "version {0} of this alert is not released; a new version follows the newest one",
    ),
    "version-previous": (
        "die Fassung nennt als Vorgängerin eine andere Meldung als die zuletzt veröffentlichte Fassung",
        "the version names another statement as the one before than the version that is released",
    ),
    "version-unseen": (
        "die Vorgängerin stand noch nicht in dem Journal, das die Verfasserin oder der Verfasser kannte",
        "the version before did not stand in the journal that the author had seen",
    ),
    "version-taken": (
        "diese Fassung der Meldung ist schon veröffentlicht; jede Fassung hat eine Nachfolgerin",
        "this version of the alert is released already; a version has one successor",
    ),
    "withdrawn": (
        "die Meldung wurde mit Fassung {0} zurückgezogen; danach folgt keine mehr",
        "the alert was withdrawn by version {0}; nothing follows a withdrawal",
    ),
    "exercise-changed": (
        "aus einer Übung wird keine Meldung im Ernst, und umgekehrt",
        "an exercise does not become real in a new version, nor the reverse",
    ),
    "label-changed": (
        "die Einstufung ändert sich von TLP:{0} in TLP:{1}; das geht nur mit relabel",
        "the label changes from TLP:{0} to TLP:{1}; only relabel does that",
    ),
    "label-unchanged": (
        "relabel ändert die Einstufung, hier bleibt sie TLP:{0} (neu: TLP:{1})",
        "relabel changes the label, and here it stays TLP:{0} (new: TLP:{1})",
    ),
    "relabel-approvals": (
        "{0} Freigaben sind vorgesehen, die niedrigere Einstufung verlangt {1}",
        "the version asks for {0} approvals, the lower label demands {1}",
    ),
    "audience-change-untrue": (
        "die Angabe zum geänderten Empfängerkreis stimmt nicht: angegeben ist {0}, richtig ist {1}",
        "what is said of the change of audience is not true: said is {0}, true is {1}",
    ),
    "audience-not-same": (
        "Rücknahme und Entwarnung gehen an den bisherigen Kreis und sagen das auch (same)",
        "a withdrawal and an all-clear go to the audience there was, and say so (same)",
    ),
    "audience-changed": (
        "Rücknahme und Entwarnung lassen den Empfängerkreis, wie er war",
        "a withdrawal and an all-clear leave the audience as it was",
    ),
    "approvals-below-earlier": (
        "{0} Freigaben sind vorgesehen, eine frühere Fassung hatte {1}",
        "the version asks for {0} approvals, an earlier version had {1}",
    ),
    "expired": ("die Gültigkeit der Meldung ist abgelaufen", "the alert is no longer valid"),
    "named-person-without-key": (
        "für {0} gibt es kein Gerät mit gültigem Schlüssel; TLP:RED erreicht alle Genannten oder niemanden",
        "{0} has no device with a usable key; TLP:RED reaches all who are named, or nobody",
    ),
    "recipient-lost": (
        "ein namentlich genannter Empfänger ist inzwischen nicht mehr berechtigt",
        "a person named in the audience is no longer in force",
    ),
    "leaf-count": (
        "die Anzahl der Empfängergeräte stimmt nicht: {0} mit und {1} ohne Schlüssel wären richtig",
        "the number of recipients' devices is wrong: {0} with and {1} without a key would be right",
    ),
    "recipient-missing": (
        "es fehlt ein Gerät, das die Meldung erhalten muss",
        "a device that must receive the alert is missing",
    ),
    "recipient-extra": (
        "es steht ein Gerät in der Liste, das die Meldung nicht erhalten darf",
        "there is a device that must not receive the alert",
    ),
    "stanza-missing": (
        "für ein Gerät mit gültigem Schlüssel fehlt die Verschlüsselung",
        "a device with a usable key was sealed nothing",
    ),
    "stanza-without-key": (
        "für ein Gerät ohne gültigen Schlüssel wurde verschlüsselt",
        "a device without a usable key was sealed something",
    ),
    "leaf-order": ("die Empfängerliste ist nicht richtig sortiert", "the list of recipients is not in order"),
    "root-mismatch": (
        "die Prüfsumme der Empfängerliste stimmt nicht",
        "the audience root is not that of the recipients",
    ),
    "roster-ahead": (
        "die Meldung nennt einen Stand der Teilnehmerliste, den es noch nicht gibt",
        "the alert names a registry that this log does not have yet",
    ),
    "journal-ahead": (
        "die Meldung nennt ein Journal, das diese Plattform noch nicht hat",
        "the alert names a journal that this log does not have yet",
    ),
    "journal-root": (
        "die Meldung nennt einen anderen Stand des Journals als diese Plattform",
        "the alert names a journal root that is not this log's",
    ),
    "seen-ahead": (
        "die Erklärung nennt einen Stand der Protokolle, den es noch nicht gibt",
        "the statement names a state of the logs that does not exist yet",
    ),
    "seen-differs": (
        "die Erklärung nennt einen anderen Verlauf der Protokolle als diesen",
        "the statement names another history of the logs than this one",
    ),
    "roster-root": (
        "die Meldung nennt eine andere Teilnehmerliste als die dieser Austauschplattform",
        "the alert names a registry root that is not this log's",
    ),
    "roster-stale": (
        "die Teilnehmerliste hat sich 15 Minuten oder länger vor der Meldung geändert; bitte erneut abrufen",
        "the registry changed 15 minutes or more before the alert; fetch it and decide again",
    ),
    "witnessed-missing": (
        "die Teilnehmerliste benennt Zeugen, und die Meldung sagt nicht, wann diese sie gesehen hatten",
        "the registry names witnesses, and the alert does not say when they had seen it",
    ),
    "witnessed-unnamed": (
        "die Meldung spricht von Zeugen, die die Teilnehmerliste nicht benennt",
        "the alert speaks of witnesses that the registry does not name",
    ),
    "author-signature-missing": (
        "die Unterschrift der Verfasserin oder des Verfassers fehlt",
        "the author's signature is missing",
    ),
}

_GRANTS: dict[str, tuple[str, str]] = {
    "colleague": ("gehört zur eigenen Organisation", "belongs to the same organisation"),
    "client": (
        "gehört zu einem Mandanten der eigenen Organisation",
        "belongs to a registered client of the same organisation",
    ),
    "community": ("gehört zu den Teilnehmern, und TLP:GREEN gilt für sie", "is a member, and TLP:GREEN is for members"),
    "permitted": ("die absendende Organisation hat es erlaubt", "the source permitted it"),
    "newcomer": (
        "gehört inzwischen zum Empfängerkreis, oder erhielt die Meldung mit einem anderen Gerät",
        "is a recipient by now, or received the alert with another device",
    ),
    "history": (
        "ein anderes Gerät derselben Person hat die Meldung erhalten",
        "another device of the same person received the alert",
    ),
    "red-never": (
        "TLP:RED wird nie weitergegeben; eine neue Fassung kann weitere Personen nennen",
        "TLP:RED is never passed on; a new version may name more persons",
    ),
    "already-recipient": ("hat die Meldung schon", "has the alert already"),
    "not-recipient": (
        "die Person gehört nicht zu den Empfängern dieser Meldung",
        "the person is no recipient of this alert",
    ),
    "not-client": (
        "gehört zu einem Mandanten einer anderen Organisation",
        "belongs to a client of another organisation",
    ),
    "client-passes-on-nothing": (
        "ein Mandant gibt nichts weiter",
        "a registered client passes nothing on",
    ),
    "grantee-without-key": (
        "das Gerät hat keinen gültigen Schlüssel für diese Woche",
        "the device has no usable key for this week",
    ),
    "grantor-without-alert": (
        "weitergeben kann nur ein Gerät, dem die Meldung selbst verschlüsselt wurde",
        "only a device to which the alert was sealed can pass it on",
    ),
    "not-released": ("die Meldung ist nicht freigegeben", "the alert is not released"),
    "not-newest": (
        "es gibt eine neuere Fassung der Meldung; weitergegeben wird die neueste",
        "there is a newer version of the alert; the newest is passed on",
    ),
    "alert-withdrawn": ("die Meldung ist zurückgezogen", "the alert is withdrawn"),
    "permission-unknown": (
        "die genannte Erlaubnis der absendenden Organisation gibt es nicht",
        "there is no such answer of the source",
    ),
    "not-permitted": (
        "die Erlaubnis nennt diese Person, diese Fassung oder diese Organisation nicht",
        "the permission is not for this person, this version or this organisation",
    ),
    "person-without-device": ("hat kein eingetragenes Gerät", "has no enrolled device"),
    "leaf-missing": (
        "es fehlt der Beleg, dass die weitergebende Stelle die Meldung erhielt",
        "the proof that the grantor received the alert is missing",
    ),
    "leaf-empty": (
        "dem weitergebenden Gerät wurde nichts verschlüsselt",
        "nothing was sealed to the grantor's device",
    ),
    "leaf-place": (
        "der Beleg steht außerhalb der unterschriebenen Empfängerliste",
        "the proof stands outside the signed list of recipients",
    ),
    "path-invalid": (
        "der Beleg führt nicht zur unterschriebenen Empfängerliste",
        "the proof does not lead to the signed list of recipients",
    ),
}

_REGISTRY: dict[str, tuple[str, str]] = {
    "not-founded": ("die Partnerschaft ist noch nicht gegründet", "the exchange is not founded yet"),
    "founded-already": ("die Partnerschaft ist bereits gegründet", "the exchange is founded already"),
    "other-exchange": (
        "die Erklärung gilt für eine andere Austauschplattform",
        "the statement is for another exchange",
    ),
    "entry-mismatch": ("der Protokolleintrag gehört zu einer anderen Erklärung", "the entry is of another statement"),
    "kind-unexpected": (
        "eine Erklärung dieser Art gehört nicht in die Teilnehmerliste",
        "a statement of this kind does not belong in the registry",
    ),
    "time-decreases": ("die Zeit im Protokoll läuft rückwärts", "time runs backwards in the log"),
    "not-yet": ("die Erklärung trägt ein Datum in der Zukunft", "the statement is dated in the future"),
    "too-late": (
        "die Erklärung wurde nicht in ihrer Frist eingereicht",
        "the statement was not accepted in its time window",
    ),
    "signer-set": (
        "es haben nicht genau die unterschrieben, die für diese Erklärung nötig sind",
        "not exactly those signed whom this statement requires",
    ),
    "signer-unknown": ("ein unterschreibender Schlüssel ist nicht bekannt", "a signature is by an unknown key"),
    "signer-not-administrator": (
        "wer hier unterschreibt, braucht die Rolle administrator",
        "a signer does not have the role administrator",
    ),
    "issuer-not-signer": (
        "wer die Erklärung vorbereitet hat, hat sie nicht unterschrieben",
        "the issuer is not among the signers",
    ),
    "signature-missing": ("eine Unterschrift fehlt", "a signature is missing"),
    "signature-extra": ("es gibt eine Unterschrift zu viel", "there is a signature too many"),
    "signature-wrong-kind": ("eine Unterschrift ist von der falschen Art", "a signature is of the wrong kind"),
    "signature-order": ("die Unterschriften sind nicht richtig geordnet", "the signatures are not in order"),
    "signature-invalid": ("eine Unterschrift ist ungültig", "a signature does not verify"),
    "previous-mismatch": (
        "die Erklärung baut nicht auf dem neuesten Stand auf; bitte neu vorbereiten",
        "the statement does not follow the newest one about its subject; prepare it again",
    ),
    "auditor-needs-registrars": (
        "die Rolle auditor und ihre Geräte vergeben nur die Registrare",
        "only the registrars give the role auditor and its devices",
    ),
    "auditor-alone": ("die Rolle auditor steht allein", "an auditor has no other role"),
    "other-organisation": (
        "das gilt nur innerhalb der eigenen Organisation",
        "this is for the own organisation only",
    ),
    "two-persons": (
        "zwei Personen müssen unterschreiben: eine zweite Verwaltung derselben Organisation oder ein Registrar",
        "two persons sign: a second administrator of the organisation, or a registrar",
    ),
    "one-person-twice": (
        "zwei Geräte einer Person sind eine Person",
        "two devices of one person are one person",
    ),
    "organisation-exists": ("diese Organisation ist bereits aufgenommen", "this organisation was admitted before"),
    "suspended-already": ("die Teilnahme ruht bereits", "the organisation is suspended already"),
    "renewal-shortens": (
        "eine Verlängerung verkürzt die Teilnahme nicht",
        "a renewal never shortens a membership",
    ),
    "expiry-past": ("das Ende der Teilnahme liegt in der Vergangenheit", "the membership would end in the past"),
    "person-exists": ("diese Person ist bereits eingetragen", "this person was enrolled before"),
    "too-many-persons": ("es sind zu viele Personen eingetragen", "there are too many persons"),
    "device-exists": ("dieses Gerät ist bereits eingetragen", "this device was enrolled before"),
    "too-many-devices": ("es sind zu viele Geräte eingetragen", "there are too many devices"),
    "key-reused": (
        "dieser Schlüssel war schon einmal eingetragen",
        "a key is enrolled once in the life of the exchange",
    ),
    "witness-is-log": ("ein Protokoll ist nicht sein eigener Zeuge", "a log is not its own witness"),
    "registrars-order": ("die Registrare stehen nicht in der richtigen Reihenfolge", "the registrars are not in order"),
    "terms-version": (
        "die Fassungen der Arbeitsordnung zählen um eins weiter",
        "versions of the terms count up by one",
    ),
    "terms-unknown": ("diese Arbeitsordnung gibt es nicht", "no such terms were defined"),
    "terms-older": ("eine neuere Arbeitsordnung ist bereits angenommen", "newer terms were accepted before"),
    "subject-unknown": ("dazu gibt es keinen Eintrag in der Teilnehmerliste", "the registry has no entry about this"),
    "rotation-issuer": (
        "eine Änderung der Registrare bereitet ein Registrar vor, der jetzt im Amt ist",
        "a registrar in force prepares a rotation",
    ),
    "rotation-old-missing": (
        "es haben nicht genug der bisherigen Registrare unterschrieben",
        "not enough of the registrars in force have signed",
    ),
    "rotation-new-missing": (
        "es haben nicht genug der künftigen Registrare unterschrieben",
        "not enough of the registrars to come have signed",
    ),
    "rotation-newcomer-missing": (
        "ein neuer Registrar hat nicht unterschrieben; nur das beweist, dass sein Schlüssel da ist",
        "a new registrar has not signed, which alone proves that the key is there",
    ),
    "rotation-superfluous": (
        "ein bisheriger Registrar hat unterschrieben, obwohl es ohne diese Unterschrift genügt",
        "a former registrar has signed where the others are enough",
    ),
    "is-client": (
        "Mandanten werden mit client.register verlängert und benannt und nehmen keine Arbeitsordnung an",
        "a client is renewed and named by client.register, and accepts no terms",
    ),
    "not-a-client": (
        "diese Organisation ist kein Mandant; sie wurde von den Registraren aufgenommen",
        "this organisation is no client; the registrars admitted it",
    ),
    "sponsor-changes": ("ein Mandant bleibt bei seiner Organisation", "a client's sponsor never changes"),
    "sponsor-is-client": ("ein Mandant führt keine eigenen Mandanten", "a client registers no client"),
    "too-many-clients": ("diese Organisation führt zu viele Mandanten", "this organisation has too many clients"),
    "client-officers-only": (
        "Personen eines Mandanten haben die Rolle officer und keine andere",
        "a client's persons are officers and nothing else",
    ),
    "circle-exists": ("diesen Arbeitskreis gibt es bereits", "this circle was defined before"),
    "circle-too-large": ("der Arbeitskreis hätte zu viele Mitglieder", "the circle would have too many members"),
    "circle-too-deep": (
        "Arbeitskreise stehen höchstens drei Stufen tief ineinander",
        "circles stand at most three deep in each other",
    ),
    "circle-in-itself": ("ein Arbeitskreis steht nicht in sich selbst", "a circle is not inside itself"),
    "member-present": ("was hinzukommen soll, ist bereits im Arbeitskreis", "what is added is in the circle already"),
    "member-absent": ("was entfernt werden soll, ist nicht im Arbeitskreis", "what is removed is not in the circle"),
    "curator-auditor": ("wer prüft, betreut keinen Arbeitskreis", "an auditor curates no circle"),
    "curator-client": (
        "Personen eines Mandanten betreuen keinen Arbeitskreis",
        "a client's person curates no circle",
    ),
    "signer-not-curator": (
        "wer hier unterschreibt, betreut diesen Arbeitskreis nicht",
        "a signer is not a curator of this circle",
    ),
    "opening-unknown": (
        "diese Angaben stehen nicht hinter dieser Erklärung",
        "this statement does not commit to these fields",
    ),
    "erased-already": ("eine dieser Angaben ist bereits gelöscht", "one of these openings was erased before"),
    "still-in-force": (
        "gelöscht werden nur Angaben zu Ausgeschiedenen, oder solche, die durch neue ersetzt sind",
        "only openings of those who left, or of values that were replaced, are erased",
    ),
    "opening-twice": ("eine Angabe liegt doppelt bei", "a field is opened twice"),
    "opening-mismatch": (
        "die beigelegten Angaben passen nicht zur Erklärung",
        "the openings are not those that the statement commits to",
    ),
    "statement-withheld": (
        "eine Erklärung über ein bekanntes Mitglied wird vorenthalten",
        "a statement about a subject we know is withheld",
    ),
}

_KEYS: dict[str, tuple[str, str]] = {
    "bad-signing-key": ("der Signaturschlüssel ist unbrauchbar", "the signing key must not be used"),
    "bad-ed25519-key": ("der Ed25519-Schlüssel ist unbrauchbar", "the Ed25519 key must not be used"),
    "bad-mldsa-key": ("der ML-DSA-Schlüssel ist unbrauchbar", "the ML-DSA key must not be used"),
    "bad-scan-key": ("der Suchschlüssel ist unbrauchbar", "the scan key must not be used"),
    "bad-epoch-key": ("ein Wochenschlüssel ist unbrauchbar", "an epoch key must not be used"),
    "week-past": ("die erste Woche liegt in der Vergangenheit", "the first week lies in the past"),
    "week-unknown": ("diese Kalenderwoche gibt es nicht", "there is no such ISO week"),
    "week-published": (
        "für diese Woche hat das Gerät schon einen Schlüssel",
        "the device published a key for this week before",
    ),
    "bundle-too-short": (
        "die Schlüssel reichen nicht 8 Wochen weit",
        "the keys do not reach 8 weeks ahead",
    ),
    "bundle-too-long": ("die Schlüssel reichen mehr als 60 Wochen weit", "the keys reach more than 60 weeks ahead"),
}

GROUPS: dict[str, dict[str, tuple[str, str]]] = {
    "not in force": _FAULTS,
    "author not in force": {
        f"author-{code}": (f"Verfasser: {de}", f"author: {en}") for code, (de, en) in _FAULTS.items()
    },
    "approver not in force": {
        f"approver-{code}": (f"Freigabe: {de}", f"approver: {en}") for code, (de, en) in _FAULTS.items()
    },
    "curator not in force": {
        f"curator-{code}": (f"Betreuung: {de}", f"curator: {en}") for code, (de, en) in _FAULTS.items()
    },
    "persons": _PERSONS,
    "alerts": _ALERTS,
    "grants": _GRANTS,
    "registry": _REGISTRY,
    "weekly keys": _KEYS,
}
"""What a code is said of, to its codes with (German, English); in the order of ``docs/reason-codes.md``."""

SENTENCES: dict[str, tuple[str, str]] = {code: both for group in GROUPS.values() for code, both in group.items()}
"""Reason code to (German, English)."""


class _Values(string.Formatter):
    """Fills a sentence of ours with values of others: a value is never a format, and a missing one shows as ``?``."""

    def get_field(self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Any, str]:
        if field_name == "all":
            return ", ".join(str(value) for value in args) or "?", field_name
        place = int(field_name)
        return (args[place] if place < len(args) else "?"), field_name


def explain(code: str, values: Sequence[str] = (), *, language: Language) -> str:
    """The sentence for a reason code, in lower case without a full stop; a code without one is given as it is.

    ``values`` are put in as they are: whoever shows the sentence neutralises control characters (I10).
    """
    found = SENTENCES.get(code)
    if found is None:
        return code
    return _Values().vformat(found[0] if language == "de" else found[1], tuple(values), {})


def explain_decision(decision: Decision, *, language: Language, names: Mapping[str, str] | None = None) -> str:
    """A decision's sentence; ``names`` puts what a person calls a subject in the place of its id."""
    known = names or {}
    return explain(decision.code, [known.get(value, value) for value in decision.values], language=language)
