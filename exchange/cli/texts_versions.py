"""The words of later versions, withdrawals and confirmations: one table, German and English (see ``texts``)."""

from __future__ import annotations

# fmt: off
VERSIONS: dict[str, tuple[str, str]] = {
    # -- what a version does -------------------------------------------------------------------------------------------
    "action_new": ("neu", "new"),
    "action_update": ("Ergänzung", "update"),
    "action_supersede": ("ersetzt die früheren Fassungen", "supersedes the earlier versions"),
    "action_relabel": ("neu eingestuft", "relabelled"),
    "action_withdraw": ("ZURÜCKGEZOGEN", "WITHDRAWN"),
    "action_all-clear": ("ENTWARNUNG", "ALL-CLEAR"),
    "circle_same": ("Empfängerkreis unverändert", "same audience"),
    "circle_wider": ("Empfängerkreis größer", "wider audience"),
    "circle_narrower": ("Empfängerkreis kleiner", "narrower audience"),
    "circle_different": ("anderer Empfängerkreis", "another audience"),
    "standing_final": ("abschließend", "final"),
    "standing_interim": ("vorläufig", "interim"),
    "field_version": ("Fassung", "version"),
    "field_changed": ("geändert", "changed"),
    "field_reason": ("Grund", "reason"),
    "version_of": ("{version} von {newest}", "{version} of {newest}"),
    "version_short": ("Fassung {version}", "version {version}"),

    # -- reading -------------------------------------------------------------------------------------------------------
    "banner_withdrawn": (
        "ZURÜCKGEZOGEN mit Fassung {version} ({reason}) – bitte nicht mehr verwenden und nicht weitergeben",
        "WITHDRAWN by version {version} ({reason}) – please use it no longer and do not pass it on"),
    "banner_all_clear": ("ENTWARNUNG mit Fassung {version} ({reason})", "ALL-CLEAR by version {version} ({reason})"),
    "banner_superseded": (
        "ERSETZT durch Fassung {version}: was hier steht, gilt nicht mehr",
        "SUPERSEDED by version {version}: what stands here no longer holds"),
    "banner_older": (
        "dies ist Fassung {version}, die neueste hier ist Fassung {newest}",
        "this is version {version}, the newest one here is version {newest}"),
    "newer_elsewhere": (
        "Fassung {version} dieser Meldung ist veröffentlicht, wurde aber nicht an dieses Gerät gesandt",
        "version {version} of this alert is released, and was not sent to this device"),
    "newer_keyless": (
        "Fassung {version} dieser Meldung ging an dieses Gerät, als es keinen gültigen Schlüssel hatte",
        "version {version} of this alert came while this device had no usable key"),
    "newer_unverified": (
        "Fassung {version} dieser Meldung konnte hier noch nicht geprüft werden",
        "version {version} of this alert could not be verified here yet"),
    "state_newer": ("neuere Fassung nicht hier", "newer version not here"),
    "chain_not_here": ("nicht an dieses Gerät gesandt", "not sent to this device"),
    "version_unknown": ("Fassung {version} dieser Meldung ist nicht hier", "version {version} of this alert is not here"),
    "hint_chain": ("--chain zeigt alle Fassungen", "--chain shows all versions"),

    # -- publishing ----------------------------------------------------------------------------------------------------
    "ask_withdraw": (
        "diese Meldung bei allen bisherigen Empfängern zurückziehen?",
        "withdraw this alert from everybody who received it?"),
    "bad_change_reason": (
        "--reason ist einer von: {reasons}",
        "--reason is one of: {reasons}"),
    "bad_label": (
        "{label} ist keine TLP-Einstufung: RED, AMBER+STRICT, AMBER, GREEN, CLEAR",
        "{label} is no TLP label: RED, AMBER+STRICT, AMBER, GREEN, CLEAR"),
    "code_version-overtaken": (
        "inzwischen wurde eine andere Fassung dieser Meldung veröffentlicht; bitte sehen Sie sie zuerst an",
        "another version of this alert was released meanwhile; look at it first"),
    "code_changed-mismatch": (
        "was sich geändert hat, steht in jedem Text einer späteren Fassung und in keinem der ersten",
        "what changed stands in every text of a later version, and in none of the first"),
    "label_mismatch": (
        "--label {label} und die Einstufung in der Datei ({source}) sind verschieden",
        "--label {label} and the label in the file ({source}) differ"),
    "preview_joining": ("neu im Empfängerkreis, gegenüber Fassung {version}:", "new in the audience, against version {version}:"),
    "preview_leaving": (
        "nicht mehr im Empfängerkreis; sie behalten die früheren Fassungen und erfahren von dieser nichts:",
        "no longer in the audience; they keep the earlier versions and do not learn of this one:"),
    "preview_same_audience": ("derselbe Empfängerkreis wie in Fassung {version}", "the same audience as in version {version}"),
    "preview_unreached": (
        "haben eine frühere Fassung erhalten und werden nicht mehr erreicht, weil sie nicht mehr berechtigt sind:",
        "received an earlier version and are not reached any more, because they are not in force:"),
    "publish_unreached": (
        "frühere Empfänger, die nicht mehr erreicht werden: {names}",
        "earlier recipients who are not reached any more: {names}"),
    "publish_newcomers": (
        "inzwischen im Empfängerkreis, aber nicht erreicht: {names}",
        "in the audience by now, and not served: {names}"),
    "nobody_forgets": (
        "Niemand kann gezwungen werden zu vergessen: Wer die Meldung gelesen hat, kennt sie; was weitergegeben oder "
        "ausgedruckt wurde, erreicht die Rücknahme nicht",
        "nobody can be made to forget: who has read the alert knows it, and what was passed on or printed is out of reach"),

    # -- confirmations -------------------------------------------------------------------------------------------------
    "taken_back_counted": (
        "Fassung {version} ({action}): erhalten {received} von {all}, gelesen {read} von {all} {what}",
        "version {version} ({action}): received {received} of {all}, read {read} of {all} {what}"),
    "taken_back_organisations": ("Organisationen", "organisations"),
    "taken_back_persons": ("Personen", "persons"),
    "taken_back_unreached": (
        "nicht mehr erreicht, weil nicht mehr berechtigt: {names}",
        "not reached, because not in force any more: {names}"),
}
"""Text key to (German, English)."""
# fmt: on
