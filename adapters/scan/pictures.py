"""Pages out of bytes: PNG, JPEG, TIFF, BMP and PDF, within limits of bytes, pixels and pages. Run it in a child."""

import struct
import warnings
from collections.abc import Callable
from io import BytesIO
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from adapters.pages import MAX_BYTES, page_kind
from adapters.scan import pdf
from adapters.scan.nouns import Drawn, Picture
from adapters.scan.vector import drawn
from ecg.errors import UnreadablePage

MAX_PIXELS: Final = 100_000_000  # A4 at 1000 dpi; in colour 300 MB, of the gigabyte that a page may take
MAX_PAGES: Final = 20  # a stress test's worth; each costs seconds
# A strip of 2.5 s and 10 mm at 2.5 pixels per mm: whatever is smaller is no ECG.
LEAST_WIDTH: Final = 156
LEAST_HEIGHT: Final = 25
# Beyond 16 pixels per mm of A4 nothing is gained: what is larger is halved until it is not, which also smooths it.
ENOUGH_PIXELS: Final = 20_000_000
_FORMATS: Final = ("PNG", "JPEG", "TIFF", "BMP")
# What Pillow's parsers raise on bytes that break a format.
_BROKEN: Final = (OSError, SyntaxError, EOFError, struct.error, ValueError, LookupError, TypeError, ArithmeticError)
_Seen = TypeVar("_Seen")


def count_pages(data: bytes) -> int:
    """Return how many pages there are in a file.

    Raises:
        UnreadablePage: 'too-large', 'protected' or 'damaged'.
    """
    if len(data) > MAX_BYTES:
        raise UnreadablePage("too-large")
    if page_kind(data) == "PDF":
        count = pdf.count_pages(data)
    else:
        count = _guarded(data, lambda image: int(getattr(image, "n_frames", 1)))
    if count > MAX_PAGES:
        raise UnreadablePage("too-large")
    return count


def page(data: bytes, number: int) -> Picture | Drawn:
    """Return one page, upright as its file says: a vector PDF's as it is drawn, any other as a picture.

    Args:
        data: a file for which `page_kind` has a name.
        number: 0 is the first.

    Raises:
        UnreadablePage: 'too-large', 'resolution-too-low', 'protected' or 'damaged'.
    """
    if page_kind(data) == "PDF":
        with pdf.opened(data) as document:
            leaf = pdf.leaf(document, number)
            return drawn(leaf) or Picture(leaf.rendered(pdf.DPI), min(pdf.DPI, leaf.finest_dpi))
    return Picture(_guarded(data, lambda image: _pixels(image, number)))


def _guarded(data: bytes, look: Callable[[Image.Image], _Seen]) -> _Seen:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow's: its own limit of pixels, odd metadata
            with Image.open(BytesIO(data), formats=_FORMATS) as image:
                return look(image)
    except Image.DecompressionBombError as error:
        raise UnreadablePage("too-large") from error
    except _BROKEN as error:
        raise UnreadablePage("damaged") from error


def _pixels(image: Image.Image, number: int) -> NDArray[np.uint8]:
    image.seek(number)
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise UnreadablePage("too-large")
    if max(width, height) < LEAST_WIDTH or min(width, height) < LEAST_HEIGHT:
        raise UnreadablePage("resolution-too-low")
    factor = 1
    while width * height / factor**2 > ENOUGH_PIXELS:
        factor *= 2
    if image.format == "JPEG" and factor > 1:
        image.draft(None, (width // factor, height // factor))  # decoded at a half, fourth or eighth
        factor = max(1, round(factor * image.size[0] / width))
    whole = _eight_bits(image)
    upright = ImageOps.exif_transpose(whole.reduce(factor) if factor > 1 else whole)
    return np.array(_on_white(upright), dtype=np.uint8)


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return a picture that can be made smaller: grey or colours of 8 bits, no palette."""
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image, dtype=np.float32)
        low, high = float(values.min()), float(values.max())
        scaled = (values - low) * (255 / (high - low)) if high > low else np.zeros_like(values)
        made = Image.fromarray(scaled.astype(np.uint8))
    elif image.mode in ("P", "PA"):
        made = image.convert("RGBA")
    elif image.mode == "1":
        made = image.convert("L")
    else:
        image.load()
        return image
    made.info = image.info  # it says which side is up
    return made


def _on_white(image: Image.Image) -> Image.Image:
    """Lay what is transparent on white paper."""
    if "A" not in image.getbands() and "transparency" not in image.info:
        return image.convert("RGB")
    seen = image.convert("RGBA")
    paper = Image.new("RGB", seen.size, "white")
    paper.paste(seen, mask=seen.getchannel("A"))
    return paper
