"""The words about what an alert carries: languages, attachments, pictures, STIX; German first."""

from __future__ import annotations

CONTENT: dict[str, tuple[str, str]] = {
    "field_stix": ("STIX 2.1", "STIX 2.1"),
    "stix_summary": ("{number} Objekte, gekennzeichnet {label}", "{number} objects, marked {label}"),
    "picture_removed": ("{name}: entfernt wurden {what}", "{name}: removed: {what}"),
    "picture_kept": (
        "{name}: BLEIBT ERHALTEN, wie in keep_metadata verlangt: {what}",
        "{name}: KEPT as keep_metadata says: {what}",
    ),
    "document_uncleaned": (
        "{name}: Dokumente werden nicht bereinigt; Verfassername und Bearbeitungsspuren können darin stehen",
        "{name}: documents are not cleaned; they may name their author and hold traces of editing",
    ),
    "metadata_gps": ("GPS-Position", "GPS position"),
    "metadata_exif": ("Kameradaten (EXIF)", "camera data (EXIF)"),
    "metadata_xmp": ("Bearbeitungsdaten (XMP)", "editing data (XMP)"),
    "metadata_iptc": ("Pressedaten (IPTC)", "press data (IPTC)"),
    "metadata_comment": ("Kommentare und Textfelder", "comments and text fields"),
    "metadata_thumbnail": ("Vorschaubild", "thumbnail"),
    "metadata_pictures": ("weitere Bilder", "further pictures"),
    "metadata_unknown": ("unbekannte Angaben", "unknown data"),
    "code_source-hidden": (
        "der Text enthält ein unsichtbares Zeichen oder eines, das die Leserichtung ändert: {detail}",
        "the text has a character that is invisible or turns the reading direction: {detail}",
    ),
    "code_file-changed": (
        "eine Anlage wurde seit der Vorschau geändert: {detail}",
        "an attachment was changed: {detail}",
    ),
    "code_picture-unreadable": (
        "ein Bild ist nicht lesbar als das, was sein Name sagt: {detail}",
        "a picture cannot be read as what its name says: {detail}",
    ),
    "code_picture-unsupported": (
        "ein Bild kann hier nicht bereinigt werden; speichern Sie es als JPEG oder PNG: {detail}",
        "a picture cannot be cleaned here; save it as JPEG or PNG: {detail}",
    ),
    "code_picture-too-large": ("ein Bild ist zu groß: {detail}", "a picture is too large: {detail}"),
    "code_picture-unclean": (
        "ein Bild ließ sich nicht vollständig bereinigen: {detail}",
        "a picture could not be cleaned completely: {detail}",
    ),
    "code_stix-malformed": ("das ist kein gültiges STIX-2.1-Bündel: {detail}", "this is no STIX 2.1 bundle: {detail}"),
    "code_stix-unmarked": (
        "ein Objekt des STIX-Bündels trägt keine TLP-Kennzeichnung: {detail}",
        "an object of the STIX bundle has no TLP marking: {detail}",
    ),
    "code_stix-higher": (
        "ein Objekt des STIX-Bündels ist höher eingestuft als die Meldung: {detail}",
        "an object of the STIX bundle is marked higher than the alert: {detail}",
    ),
    "code_stix-lower": (
        "ein Objekt des STIX-Bündels ist niedriger eingestuft als die Meldung: {detail}",
        "an object of the STIX bundle is marked lower than the alert: {detail}",
    ),
    "code_stix-two-markings": (
        "ein Objekt des STIX-Bündels trägt mehr als eine TLP-Kennzeichnung: {detail}",
        "an object of the STIX bundle has more than one TLP marking: {detail}",
    ),
    "code_stix-tlp1": (
        "das STIX-Bündel ist mit TLP 1 gekennzeichnet; das wird nie übersetzt: {detail}",
        "the STIX bundle is marked with TLP 1, which is never mapped: {detail}",
    ),
    "code_stix-marking-missing": (
        "dem STIX-Bündel fehlt die Definition einer Kennzeichnung: {detail}",
        "the STIX bundle lacks the definition of a marking: {detail}",
    ),
    "code_stix-marking-false": (
        "eine Kennzeichnung im STIX-Bündel sagt etwas anderes als ihre Kennung: {detail}",
        "a marking in the STIX bundle says something else than its id: {detail}",
    ),
}
