"""What a picture says beside its pixels, removed before it is attached (``docs/spec/envelope.md``, Pictures).

Position, camera, serial numbers, times, comments, thumbnails and earlier versions travel in pictures unseen. A picture is decoded
and written again from its pixels alone, turned upright first, so what is not a pixel does not survive: EXIF, XMP, IPTC, text
chunks, comments, further pictures, bytes behind the end. The colour profile is kept. PNG, TIFF, GIF, BMP and lossless WebP lose
nothing; a JPEG is written with its own tables, a lossy WebP at quality 95. Size and number of pixels are bounded before anything
is decoded. Documents (PDF, office files) are not cleaned: that is said in the preview.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from PIL import ExifTags, Image, ImageFile, ImageOps, ImageSequence, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile, get_sampling

from exchange.client.errors import SourceError

MAX_PICTURE: Final = 50_000_000
"""Bytes of a picture that is cleaned; it is held in memory."""
MAX_PIXELS: Final = 80_000_000
"""Pixels of a picture, all its frames together: 320 MB decoded."""
WEBP_QUALITY: Final = 95

FORMATS: Final[Mapping[str, str]] = {
    "image/bmp": "BMP",
    "image/gif": "GIF",
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/tiff": "TIFF",
    "image/webp": "WEBP",
}
"""What can be cleaned, by media type."""
_MAGIC: Final[tuple[tuple[int, bytes, str], ...]] = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (8, b"WEBP", "image/webp"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftypheix", "image/heic"),
    (4, b"ftypmif1", "image/heic"),
    (4, b"ftypavif", "image/avif"),
)
HEAD: Final = 16
"""Bytes from which a picture is recognised, whatever it is called."""
_PIXELS_NEED: Final = frozenset({"background", "duration", "icc_profile", "loop", "transparency"})
"""What stands in a picture's information and is needed to draw it."""
_UPRIGHT: Final = 1
_FAULTS = (
    OSError, ValueError, SyntaxError, KeyError, IndexError, TypeError, OverflowError, EOFError, MemoryError, zlib.error,
    struct.error, UnidentifiedImageError, Image.DecompressionBombError, AttributeError, RuntimeError,
)  # fmt: skip
"""What a decoder raises over a file that is not what it says."""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """The new bytes, and what was removed (``gps``, ``exif``, ``xmp``, ``iptc``, ``comment``, ``thumbnail``, ``pictures``)."""

    data: bytes = field(repr=False)
    removed: tuple[str, ...]


def recognised(head: bytes) -> str | None:
    """The picture's media type by its first bytes (HEAD of them); None for what is no picture."""
    for offset, magic, media_type in _MAGIC:
        if head[offset : offset + len(magic)] == magic:
            return media_type
    return None


def clean(name: str, media_type: str, data: bytes) -> Cleaned:
    """The same picture without anything but its pixels.

    Raises SourceError: ``picture-unsupported`` (it can be shown, but not cleaned, here), ``picture-unreadable`` (it is not
    what its name says), ``picture-too-large``, ``picture-unclean`` (something stayed).
    """
    wanted = FORMATS.get(media_type)
    if wanted is None:
        raise SourceError(
            "picture-unsupported", f"{name} is a picture that cannot be cleaned here; save it as JPEG or PNG"
        )
    if len(data) > MAX_PICTURE:
        raise SourceError("picture-too-large", f"{name} has more than {MAX_PICTURE} bytes")
    try:
        with _whole_pictures_only(), _opened(name, data, wanted) as picture:
            removed = _found(picture)
            new = _written(picture, wanted, lossless=b"VP8L" in data)
        with _opened(name, new, wanted) as again:
            left = _found(again)
    except SourceError:
        raise
    except _FAULTS:
        raise SourceError("picture-unreadable", f"{name} cannot be read as {media_type}") from None
    if left:
        raise SourceError("picture-unclean", f"{name} still says something beside its pixels: {', '.join(left)}")
    return Cleaned(new, removed)


def told(name: str, media_type: str, data: bytes) -> tuple[str, ...]:
    """What a picture that is attached as it is says beside its pixels, as far as it can be read."""
    wanted = FORMATS.get(media_type)
    try:
        if wanted is None:
            return ("unknown",)
        with _opened(name, data, wanted) as picture:
            return _found(picture)
    except (SourceError, *_FAULTS):
        return ("unknown",)


@contextmanager
def _whole_pictures_only() -> Iterator[None]:
    """A picture that ends in its middle is none. Other libraries in the process may have told the decoder to be content with it."""
    before = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def _opened(name: str, data: bytes, wanted: str) -> Image.Image:
    """The picture's head, its number of pixels bounded before one is decoded."""
    picture = Image.open(io.BytesIO(data), formats=(wanted,))
    frames = int(getattr(picture, "n_frames", 1)) if wanted != "JPEG" else 1
    if picture.width * picture.height * frames > MAX_PIXELS:
        raise SourceError("picture-too-large", f"{name} has more than {MAX_PIXELS} pixels")
    return picture


def _found(picture: Image.Image) -> tuple[str, ...]:
    """What the picture says beside its pixels."""
    info: dict[Any, Any] = dict(picture.info)
    text: Any = getattr(picture, "text", None) or {}
    exif = picture.getexif()
    described = picture.format != "TIFF"  # in a TIFF the picture's own structure stands in the same table
    found = {
        "gps": ExifTags.IFD.GPSInfo in exif,
        "exif": bool(exif) if described else any(tag in exif for tag in _TIFF_TELLS),
        "xmp": "xmp" in info or "XML:com.adobe.xmp" in text or 0x02BC in exif,
        "iptc": "photoshop" in info or 0x83BB in exif or 0x8649 in exif,
        "comment": "comment" in info or any(key != "XML:com.adobe.xmp" for key in text),
        "thumbnail": bool(exif.get_ifd(ExifTags.IFD.IFD1)) if described else False,
        "pictures": "mp" in info or picture.format == "MPO",
    }
    return tuple(name for name, there in found.items() if there)


_TIFF_TELLS: Final = (0x010D, 0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x013C, 0x8298, 0x8769, 0xC4A5)
"""Name, description, make, model, software, time, artist, host, copyright, EXIF, print matching."""


def _written(picture: Image.Image, wanted: str, *, lossless: bool) -> bytes:
    options: dict[str, Any] = {}
    if wanted == "JPEG":
        if isinstance(picture, JpegImageFile):
            options = {"qtables": picture.quantization, "subsampling": get_sampling(picture)}
        options["progressive"] = bool(picture.info.get("progressive"))
        frames = [_pixels(picture)]
    else:
        frames = [_pixels(frame) for frame in ImageSequence.Iterator(picture)]
    if wanted == "WEBP":
        options = {"lossless": lossless, "quality": WEBP_QUALITY, "exact": lossless}
    if wanted == "TIFF":
        options = {"compression": "tiff_adobe_deflate"}
    if wanted == "PNG":
        options = {"optimize": False}
    if len(frames) > 1:
        options |= {"append_images": frames[1:], "save_all": True}
        for key in ("duration", "loop"):
            if key in picture.info:
                options[key] = picture.info[key]
    if "icc_profile" in picture.info:
        options["icc_profile"] = picture.info["icc_profile"]
    out = io.BytesIO()
    frames[0].save(out, format=wanted, **options)
    return out.getvalue()


def _pixels(picture: Image.Image) -> Image.Image:
    """An upright copy that carries nothing with it."""
    turned = picture.getexif().get(ExifTags.Base.Orientation, _UPRIGHT) != _UPRIGHT
    copy = ImageOps.exif_transpose(picture) if turned else picture.copy()
    if copy is None:
        copy = picture.copy()
    plain = copy.copy()
    plain.info = {key: value for key, value in picture.info.items() if key in _PIXELS_NEED}
    plain.getexif().clear()
    return plain
