"""The words of receipts, reactions, questions, answers and drills: one table, German and English (see ``texts``)."""

from __future__ import annotations

# fmt: off
MESSAGES: dict[str, tuple[str, str]] = {
    # -- receipts ------------------------------------------------------------------------------------------------------
    "field_subject": ("Empfänger", "recipient"),
    "field_state": ("Stand", "state"),
    "field_since": ("seit", "since"),
    "field_reaction": ("Rückmeldung", "reaction"),
    "state_silent": ("still", "silent"),
    "state_delivered": ("zugestellt", "delivered"),
    "state_received": ("empfangen", "received"),
    "state_read": ("gelesen", "read"),
    "state_reacted": ("zurückgemeldet", "reacted"),
    "receipts_count": (
        "bestätigt haben {acknowledged} von {all}",
        "{acknowledged} of {all} have acknowledged"),
    "receipts_claim": (
        "der Stand ist die Auskunft der Austauschplattform; Rückmeldungen sind geprüft und hier geöffnet",
        "the state is what the exchange says; reactions are verified and opened here"),
    "acknowledge_until": ("zu bestätigen bis {when}", "to be acknowledged by {when}"),
    "acknowledge_late": ("war zu bestätigen bis {when}", "was to be acknowledged by {when}"),
    "nobody_silent": ("niemand ist still", "nobody is silent"),
    "silent_list": ("{number} haben nicht bestätigt; zum Anrufen:", "{number} have not acknowledged; to call:"),
    # -- reactions -----------------------------------------------------------------------------------------------------
    "reaction_in-hand": ("in Bearbeitung", "in hand"),
    "reaction_not-affected": ("nicht betroffen", "not affected"),
    "reaction_affected": ("betroffen, bitte anrufen", "affected, please call"),
    "reaction_away": ("abwesend", "away"),
    "away_until": ("bis {when}", "until {when}"),
    "away_deputy": ("Vertretung: {name}", "deputy: {name}"),
    "reaction_tells": (
        "Autoren und Freigebende von {organisation} lesen: Ihren Namen, „{level}“ und Ihren Text; der Betreiber sieht, "
        "dass dieses Gerät sich zu dieser Meldung geäußert hat, und nicht, wie",
        "authors and approvers of {organisation} read: your name, '{level}' and your text; the operator sees that this "
        "device said something about this alert, and not what"),
    "reacted": ("zurückgemeldet: {level}", "told the source: {level}"),
    "reaction_extra": (
        "--text und --call gehören zu einer Rückmeldung (--level)",
        "--text and --call belong to a reaction (--level)"),
    # -- absence and reminders -----------------------------------------------------------------------------------------
    "absent_not": ("Sie sind nicht abwesend gemeldet", "you are not set to be away"),
    "absent_until": ("abwesend bis {when}", "away until {when}"),
    "absent_tells": (
        "die Quellen neuer Meldungen erfahren es versiegelt, solange dieses Gerät läuft (exchange watch); "
        "die Meldungen selbst erhält die Vertretung dadurch nicht",
        "the sources of new alerts are told, sealed, while this device runs (exchange watch); the deputy does not "
        "receive the alerts by this"),
    "absent_which": ("entweder --back, oder --for und --deputy", "either --back, or --for and --deputy"),
    "absent_how_long": ("wie lange? --for 14d", "how long? --for 14d"),
    "code_absence-over": ("eine Abwesenheit endet nach jetzt", "an absence ends after now"),
    "code_deputy-unknown": (
        "eine Vertretung gehört zur selben Organisation und nimmt teil",
        "a deputy is a colleague of the same organisation, in force"),
    "reminder_half": (
        "Erinnerung: {title} ist zu bestätigen bis {when}",
        "reminder: {title} is to be acknowledged by {when}"),
    "reminder_late": (
        "Erinnerung: {title} war zu bestätigen bis {when}",
        "reminder: {title} was to be acknowledged by {when}"),
    # -- drills ----------------------------------------------------------------------------------------------------------
    "ask_drill": (
        "die Übung „{title}“ mit {number} Meldungen beginnen?",
        "begin the drill '{title}' with {number} alerts?"),
    "drill_step": (
        "{number}. nach {after}: {title} ({label}, {devices} Geräte)",
        "{number}. after {after}: {title} ({label}, {devices} devices)"),
    "drill_step_sent": ("{number}. gesendet: {title} ({id})", "{number}. sent: {title} ({id})"),
    "drill_sent": ("{number} Meldungen gesendet; Verlauf in {file}", "{number} alerts sent; the run stands in {file}"),
    "drill_resumed": (
        "die Übung hat begonnen: {number} von {all} Meldungen sind gesendet",
        "the drill has begun: {number} of {all} alerts are sent"),
    "drill_refused": (
        "Meldung {number} darf so nicht veröffentlicht werden ({rule}): {reason}",
        "alert {number} may not be published as it is ({rule}): {reason}"),
    "drill_other": ("{file} gehört zu einer anderen Übung", "{file} belongs to another drill"),
    "drill_unreleased": ("noch nicht freigegeben", "not released yet"),
    "drill_median": ("Median (wie viele)", "median (how many)"),
    "drill_no_ranking": (
        "Zeiten ab der Veröffentlichung, alphabetisch und ohne Rangfolge; Stand nach Auskunft der Austauschplattform",
        "times from publication on, in alphabetical order and without a ranking; as the exchange says"),
    "code_drill-script": ("das Drehbuch ist fehlerhaft", "the script has a mistake"),
    "code_drill-not-exercise": (
        "jede Meldung einer Übung trägt exercise = true",
        "every alert of a drill has exercise = true"),
    "code_drill-run": ("die Verlaufsdatei ist nicht lesbar", "the run file cannot be read"),
    # -- questions and answers -----------------------------------------------------------------------------------------
    "asked": ("gefragt: {name}", "asked: {name}"),
    "asked_for": ("für: {names}", "for: {names}"),
    "answered": ("geantwortet: {name}", "answered: {name}"),
    "answer_which": ("entweder --permit oder --decline", "either --permit or --decline"),
    "ask_permit": (
        "darf die Organisation, die gefragt hat, diese Meldung an {names} weitergeben?",
        "may the organisation that asked pass this alert on to {names}?"),
    "outcome_granted": ("erlaubt: weitergeben an {names}", "granted: may be passed on to {names}"),
    "outcome_declined": ("abgelehnt{names}", "declined{names}"),
    "no_answers": ("keine Antworten", "no answers"),
    "no_questions": ("keine offenen Fragen", "no open questions"),
    "question_open": ("offene Frage von {name}: {id}", "open question by {name}: {id}"),
    "question_unknown": ("es gibt keine offene Frage {id}", "there is no open question {id}"),
    "hint_questions": ("exchange questions listet sie auf", "exchange questions lists them"),
    "code_message-target": (
        "eine Nachricht ist nur für die Quelle oder für den, der gefragt hat",
        "a message is only for the source, or for who asked"),
    "code_message-limit": (
        "dieses Gerät hat zu dieser Meldung schon zu oft etwas gesagt",
        "this device has said too many things about this alert"),
    "code_source-without-key": (
        "kein Gerät der Quelle hat zurzeit einen gültigen Schlüssel; bitte rufen Sie an",
        "no device of the source has a usable key at the moment; please call"),
    "code_red-never": ("TLP:RED wird nie weitergegeben", "TLP:RED is never passed on"),
    "code_ask-unknown": ("es gibt keine solche Frage", "there is no such question"),
}
HELP_MESSAGES: dict[str, tuple[str, str]] = {
    "receipts": (
        "wer gelesen und sich gemeldet hat, wer still ist und wen man anruft",
        "who has read and reacted, who is silent, and whom to call"),
    "ask": ("die Quelle um weitere Weitergabe bitten", "ask the source for wider sharing"),
    "answers": ("Antworten der Quellen zeigen", "show what sources answered"),
    "questions": ("offene Fragen zu eigenen Meldungen zeigen", "show open questions about own alerts"),
    "answer": ("eine Frage zur Weitergabe beantworten", "answer a question about passing on"),
    "absent": ("abwesend sein, ohne zu schweigen", "be away without being silent"),
    "opt_absent_for": ("Dauer, zum Beispiel 14d", "for how long, for example 14d"),
    "opt_deputy": ("Kollegin oder Kollege, die oder der vertritt", "colleague who stands in"),
    "opt_back": ("wieder da sein", "be back"),
    "drill": ("Übungen mit gemessenen Zeiten", "exercises with measured times"),
    "drill_run": ("ein Drehbuch von Übungsmeldungen senden", "send a script of exercise alerts"),
    "drill_report": ("Zeiten je Organisation zeigen", "show times by organisation"),
    "arg_script": ("Drehbuch: TOML mit Titel und [[step]]", "script: TOML with a title and [[step]]"),
    "arg_run": ("Verlaufsdatei einer Übung", "run file of a drill"),
    "opt_run": ("Verlaufsdatei; sonst neben dem Drehbuch", "run file; else beside the script"),
    "arg_question": ("Anfang der Kennung aus exchange questions", "beginning of the id from exchange questions"),
    "opt_silent": ("nur die Stillen, mit Telefonnummern", "only the silent ones, with telephone numbers"),
    "opt_level": (
        "Rückmeldung an die Quelle, nur für sie lesbar: in-hand, not-affected oder affected",
        "reaction that only the source can read: in-hand, not-affected or affected"),
    "opt_reaction_text": ("Text zur Rückmeldung", "text of the reaction"),
    "opt_call": ("Telefonnummer zur Rückmeldung", "telephone number of the reaction"),
    "opt_ask_text": ("die Frage", "the question"),
    "opt_ask_person": ("Person, an die weitergegeben werden soll; mehrfach", "person to pass it on to; may be repeated"),
    "opt_ask_organisation": (
        "Name einer Organisation, an die weitergegeben werden soll; mehrfach",
        "name of an organisation to pass it on to; may be repeated"),
    "opt_permit": ("Person, an die weitergegeben werden darf; mehrfach", "person to whom it may be given; may be repeated"),
    "opt_decline": ("ablehnen", "decline"),
    "opt_answer_text": ("Worte zur Antwort", "words beside the answer"),
}
