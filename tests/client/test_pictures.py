"""Pictures lose what they say beside their pixels, at the source."""

from __future__ import annotations

import io

import pytest
from PIL import ExifTags, Image, ImageFile
from PIL.PngImagePlugin import PngInfo

from exchange.client import pictures
from exchange.client.errors import SourceError
from exchange.client.pictures import clean, recognised, told

TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "TIFF": "image/tiff"}


def drawn(width: int = 40, height: int = 24) -> Image.Image:
    """Red on the left, blue on the right, a white corner at the top left."""
    picture = Image.new("RGB", (width, height), (200, 0, 0))
    picture.paste((0, 0, 200), (width // 2, 0, width, height))
    picture.paste((255, 255, 255), (0, 0, 8, 8))
    return picture


def told_exif(orientation: int = 1) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Kamera GmbH"
    exif[ExifTags.Base.Orientation] = orientation
    exif.get_ifd(ExifTags.IFD.GPSInfo).update({1: "N", 2: (51.0, 27.0, 26.0), 3: "E", 4: (7.0, 0.0, 42.0)})
    again = Image.Exif()
    again.load(exif.tobytes())
    return again


def saved(kind: str, picture: Image.Image | None = None, **options: object) -> bytes:
    out = io.BytesIO()
    (picture or drawn()).save(out, format=kind, **options)
    return out.getvalue()


@pytest.mark.parametrize("kind", list(TYPES))
def test_a_picture_with_location_data(kind: str):
    data = saved(kind, exif=told_exif())
    assert "gps" in told("bild", TYPES[kind], data)
    found = clean("bild", TYPES[kind], data)
    assert {"gps", "exif"} <= set(found.removed)
    assert b"Kamera" not in found.data and told("bild", TYPES[kind], found.data) == ()
    with Image.open(io.BytesIO(found.data)) as again:
        assert again.format == kind and again.size == (40, 24) and ExifTags.IFD.GPSInfo not in again.getexif()


def test_a_jpeg_loses_xmp_iptc_comment_thumbnail_and_what_stands_behind_its_end():
    exif = told_exif()
    data = saved("JPEG", exif=exif, xmp=b"<x:xmpmeta>geheim</x:xmpmeta>", comment=b"geheim")
    iptc = b"\xff\xed\x00\x2ePhotoshop 3.0\x008BIM\x04\x04\x00\x00\x00\x00\x00\x0e\x1c\x02\x78\x00\x09geheimnis\x00\x00\x00"
    iptc = iptc[:2] + (len(iptc) - 2).to_bytes(2, "big") + iptc[4:]
    data = data[:2] + iptc + data[2:] + b"geheim hinter dem Ende"
    found = clean("bild.jpg", "image/jpeg", data)
    assert {"gps", "exif", "xmp", "iptc", "comment"} <= set(found.removed)
    assert b"geheim" not in found.data


def test_a_png_loses_its_texts_and_times():
    info = PngInfo()
    info.add_text("Author", "Erika Muster")
    info.add_itxt("XML:com.adobe.xmp", "<x:xmpmeta>geheim</x:xmpmeta>")
    found = clean("bild.png", "image/png", saved("PNG", pnginfo=info))
    assert {"comment", "xmp"} <= set(found.removed)
    assert b"Erika" not in found.data and b"geheim" not in found.data


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_stands_upright_as_it_was_shown(orientation: int):
    data = saved("PNG", exif=told_exif(orientation))
    with Image.open(io.BytesIO(clean("x.png", "image/png", data).data)) as again:
        assert again.size == ((40, 24) if orientation < 5 else (24, 40))
        corner = {1: (1, 1), 2: (-2, 1), 3: (-2, -2), 4: (1, -2), 5: (1, 1), 6: (-2, 1), 7: (-2, -2), 8: (1, -2)}
        x, y = corner[orientation]
        assert again.getpixel((x % again.width, y % again.height)) == (255, 255, 255)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "GIF", "BMP"])
def test_pixels_are_the_same_where_nothing_need_be_lost(kind: str):
    picture = drawn().quantize(16) if kind == "GIF" else drawn()
    types = {**TYPES, "GIF": "image/gif", "BMP": "image/bmp"}
    before = saved(kind, picture)
    with Image.open(io.BytesIO(before)) as old, Image.open(io.BytesIO(clean("x", types[kind], before).data)) as new:
        assert old.convert("RGB").tobytes() == new.convert("RGB").tobytes()


def test_an_animation_keeps_its_frames():
    frames = [Image.new("RGB", (8, 8), (i * 60, 0, 0)) for i in range(4)]
    data = saved("GIF", frames[0], save_all=True, append_images=frames[1:], duration=50, comment=b"geheim")
    found = clean("x.gif", "image/gif", data)
    with Image.open(io.BytesIO(found.data)) as again:
        assert again.n_frames == 4 and b"geheim" not in found.data and "comment" in found.removed


def test_cleaning_twice_changes_nothing_more():
    once = clean("x.jpg", "image/jpeg", saved("JPEG", exif=told_exif(), quality=83))
    assert clean("x.jpg", "image/jpeg", once.data).removed == ()


def test_a_decompression_bomb_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pictures, "MAX_PIXELS", 1000)
    with pytest.raises(SourceError) as caught:
        clean("x.png", "image/png", saved("PNG", Image.new("1", (100, 100))))
    assert caught.value.code == "picture-too-large"


@pytest.mark.parametrize(
    ("media_type", "data", "code"),
    [
        ("image/jpeg", b"\xff\xd8\xff\xe0nichts", "picture-unreadable"),
        ("image/jpeg", saved("PNG"), "picture-unreadable"),
        ("image/png", saved("PNG")[:60], "picture-unreadable"),
        ("image/heic", b"\x00\x00\x00\x18ftypheic", "picture-unsupported"),
        ("image/svg+xml", b"<svg/>", "picture-unsupported"),
    ],
)
def test_a_picture_that_is_not_what_it_says_is_refused(media_type: str, data: bytes, code: str):
    with pytest.raises(SourceError) as caught:
        clean("x", media_type, data)
    assert caught.value.code == code
    assert told("x", media_type, b"?") == ("unknown",)


@pytest.mark.parametrize("kind", [*TYPES, "GIF"])
def test_a_picture_is_recognised_whatever_it_is_called(kind: str):
    assert recognised(saved(kind)[:16]) == {**TYPES, "GIF": "image/gif"}[kind]
    assert recognised(b"%PDF-1.7") is None


def test_a_truncated_picture_is_refused_also_where_another_library_is_content_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)  # as importing WeasyPrint does, for the whole process
    with pytest.raises(SourceError) as caught:
        clean("plan.png", "image/png", saved("PNG")[:60])
    assert caught.value.code == "picture-unreadable"
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True, "what others set is theirs"
