"""The words of witnesses and mirrors: one table, German and English (see ``texts``)."""

from __future__ import annotations

# fmt: off
WITNESS: dict[str, tuple[str, str]] = {
    "witness_made": (
        "Zeuge eingerichtet in {home}; er kennt {logs} Protokolle",
        "witness made in {home}; it knows {logs} logs"),
    "witness_digits": (
        "am Telefon vorlesen, wenn die Registrare fragen: {digits}",
        "read out by telephone when the registrars ask: {digits}"),
    "witness_knows": ("der Zeuge kennt {logs} Protokolle", "the witness knows {logs} logs"),
    "witness_bad_name": (
        "{name} kann nicht der Name eines Zeugen sein; zum Beispiel witness.kammer.example",
        "{name} cannot name a witness; for example witness.chamber.example"),
    "witness_logs_unknown": (
        "{file} ist weder eine Gründungserklärung noch eine Liste von Protokollen",
        "{file} is neither a founding statement nor a list of logs"),
    "witness_exchange_missing": (
        "welche Austauschplattform gemeint ist, steht nicht dabei",
        "it is not said which exchange is meant"),
    "hint_witness_exchange": (
        "--exchange KENNUNG, wie in der Einladung oder am Telefon genannt",
        "--exchange ID, as in the invitation or told by telephone"),
    "hint_witness_card": (
        "{card} an die Registrare geben; sie benennen den Zeugen",
        "give {card} to the registrars, who name the witness"),
    "hint_witness_serve": ("exchange witness serve --home {home}", "exchange witness serve --home {home}"),
    "hint_witness_add_log": (
        "zuerst die Protokolle: exchange witness add-log founding.json --exchange KENNUNG --home {home}",
        "first the logs: exchange witness add-log founding.json --exchange ID --home {home}"),
    "code_witness-exists": (
        "hier ist schon ein Zeuge eingerichtet, der nicht überschrieben wird",
        "there is a witness here already, which is not overwritten"),
    "code_witness-missing": ("hier ist kein Zeuge eingerichtet", "there is no witness here"),
    "code_witness-is-log": ("ein Protokoll bezeugt sich nicht selbst", "a log is not its own witness"),
    "code_witness-state-missing": (
        "das Gedächtnis des Zeugen (witness.sqlite) fehlt: mit diesem Schlüssel darf er nicht neu beginnen",
        "the witness's memory (witness.sqlite) is missing: it must not begin anew with this key"),
    "code_witness-state-newer": (
        "das Gedächtnis des Zeugen stammt von einer neueren Version",
        "the witness's memory was written by a newer version"),
    "code_witness-state-unusable": (
        "das Gedächtnis des Zeugen ist nicht benutzbar: {detail}",
        "the witness's memory cannot be used: {detail}"),
    "code_card-malformed": (
        "Name oder Adresse des Zeugen kann keine Teilnehmerliste aufnehmen: {detail}",
        "no registry takes this name or address of a witness: {detail}"),
    "code_log-list-malformed": ("die Liste der Protokolle ist fehlerhaft: {detail}", "the list of logs has a mistake: {detail}"),
    "code_log-keys-missing": (
        "einem Protokoll fehlt einer seiner beiden Schlüssel: {detail}",
        "a log lacks one of its two keys: {detail}"),
    "code_log-differs": (
        "ein Protokoll ist schon mit anderen Schlüsseln bekannt: {detail}",
        "a log is known with other keys already: {detail}"),
    # -- mirror --------------------------------------------------------------------------------------------------------
    "mirror_done": (
        "gespiegelt nach {folder}: Teilnehmerliste {registry}, Journal {journal} Einträge",
        "mirrored to {folder}: registry {registry}, journal {journal} entries"),
    "mirror_stopped": (
        "der Spiegel folgt nicht mehr und zeigt, was er hat; warum, steht im Protokoll des Betriebs und in {folder}",
        "the mirror follows no longer and serves what it has; why stands in the operator's log and in {folder}"),
    "code_mirror-stopped": (
        "der Spiegel hat angehalten: {detail}; erst ansehen, dann die Datei wegräumen",
        "the mirror has stopped: {detail}; look at it first, then move the file away"),
    "code_mirror-damaged": ("die Kopie ist beschädigt: {detail}", "the copy is damaged: {detail}"),
    "code_mirror-ahead": (
        "die Kopie hat mehr als das, was gezeigt wird: {detail}",
        "the copy has more than what is shown: {detail}"),
    "code_mirror-inconsistent": (
        "die Einträge führen nicht zum Prüfpunkt: {detail}",
        "the entries do not lead to the checkpoint: {detail}"),
}
"""Text key to (German, English)."""

HELP_WITNESS: dict[str, tuple[str, str]] = {
    "witness": ("Zeuge sein: Prüfpunkte mitzeichnen", "be a witness: cosign checkpoints"),
    "witness_init": ("Zeugen einrichten: Schlüssel und Visitenkarte", "make a witness: keys and card"),
    "witness_add_log": ("Protokolle einer weiteren Austauschplattform aufnehmen", "know the logs of one more exchange"),
    "witness_serve": ("Zeugen im Vordergrund betreiben", "run the witness in the foreground"),
    "arg_witness_logs": (
        "Gründungserklärung der Austauschplattform, oder Liste logs/v0",
        "the exchange's founding statement, or a list logs/v0"),
    "opt_witness_home": ("Verzeichnis des Zeugen", "home folder of the witness"),
    "opt_witness_name": (
        "Name des Zeugen, zum Beispiel witness.kammer.example",
        "the witness's name, for example witness.chamber.example"),
    "opt_witness_url": ("Adresse, unter der der Zeuge gefragt wird", "address at which the witness is asked"),
    "opt_host": ("Adresse, an der gehört wird", "address to listen on"),
    "opt_port": ("Port; 0 nimmt einen freien", "port; 0 takes a free one"),
    "opt_trusted_proxy": (
        "Proxy, dessen X-Forwarded-For geglaubt wird; mehrfach",
        "proxy whose X-Forwarded-For is believed; repeat it"),
    "mirror": ("beide Protokolle spiegeln und zeigen", "keep and serve a copy of both logs"),
    "arg_mirror": ("Ordner der Kopie", "folder of the copy"),
    "opt_mirror_once": ("einmal nachholen und enden, nichts anbieten", "take in what is new and end, serve nothing"),
    "opt_mirror_entries": (
        "auch Einträge anbieten, nicht nur Prüfpunkte und Hashwerte",
        "serve entries too, not only checkpoints and hashes"),
    "opt_every": ("so oft nachsehen, in Sekunden", "look so often, in seconds"),
}
"""The same of the help texts."""
