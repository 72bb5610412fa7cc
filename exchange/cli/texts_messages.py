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
