"""Opens PDFs of foreign hands, renders their pages, and knows where a point of the document lies on a page as seen."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np
import pypdfium2
import pypdfium2.raw as pdfium
from numpy.typing import NDArray

from ecg.errors import UnreadablePage

POINTS_PER_INCH: Final = 72.0  # ISO 32000-1 8.3.2.3
DPI: Final = 240.0  # 9.4 pixels per mm: three for the thinnest trace that recorders draw
ENOUGH_PIXELS: Final = 20_000_000  # of one rendered page; a larger page is rendered more coarsely
LEAST_DPI: Final = 75.0  # then there are 3 pixels per mm left
_PASSWORD: Final = pdfium.FPDF_ERR_PASSWORD


def count_pages(data: bytes) -> int:
    """Return how many pages a document has.

    Raises:
        UnreadablePage: 'protected' or 'damaged'.
    """
    with opened(data) as document:
        return len(document)


@contextmanager
def opened(data: bytes) -> Iterator[pypdfium2.PdfDocument]:
    """Open a document for the block.

    Raises:
        UnreadablePage: 'protected' where it asks for a password, 'damaged' where it cannot be read or has no page.
    """
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        protected = getattr(error, "err_code", None) == _PASSWORD
        raise UnreadablePage("protected" if protected else "damaged") from error
    try:
        if not len(document):
            raise UnreadablePage("damaged")
        yield document
    except pypdfium2.PdfiumError as error:  # of a page, or of an object on it
        raise UnreadablePage("damaged") from error
    finally:
        document.close()


@dataclass(frozen=True, eq=False)
class Leaf:
    """A page of a document, as it is seen: turned as the document says, its upper left corner at (0, 0).

    Attributes:
        page: pypdfium2's.
        width, height: as seen, points.
    """

    page: pypdfium2.PdfPage
    width: float
    height: float

    @property
    def seen(self) -> NDArray[np.float64]:
        """float64 (2, 3): takes (x, y, 1) of the document, points upwards, to the page as seen, points downwards."""
        outer, inner = self.page.get_mediabox(), self.page.get_cropbox()  # 14.11.2.1: their intersection is seen
        left, bottom = max(outer[0], inner[0]), max(outer[1], inner[1])
        right, top = min(outer[2], inner[2]), min(outer[3], inner[3])
        return np.array(
            {
                0: [[1.0, 0.0, -left], [0.0, -1.0, top]],
                90: [[0.0, 1.0, -bottom], [1.0, 0.0, -left]],
                180: [[-1.0, 0.0, right], [0.0, 1.0, -bottom]],
                270: [[0.0, -1.0, top], [-1.0, 0.0, right]],
            }[self.page.get_rotation()]
        )

    @property
    def finest_dpi(self) -> float:
        """The resolution at which the page has as many pixels as are enough."""
        return float(np.sqrt(ENOUGH_PIXELS / (self.width * self.height)) * POINTS_PER_INCH)

    def rendered(self, dpi: float) -> NDArray[np.uint8]:
        """Return the page on white, uint8 (height, width, 3), RGB.

        Raises:
            UnreadablePage: 'too-large': at LEAST_DPI it would have more pixels than are read.
        """
        if self.finest_dpi < LEAST_DPI:
            raise UnreadablePage("too-large")
        scale = min(dpi, self.finest_dpi) / POINTS_PER_INCH
        bitmap = self.page.render(scale=scale, may_draw_forms=False, rev_byteorder=True)
        return np.ascontiguousarray(bitmap.to_numpy()[:, :, :3])


def leaf(document: pypdfium2.PdfDocument, number: int) -> Leaf:
    """Return a page, 0 is the first.

    Raises:
        UnreadablePage: 'damaged': it has no extent.
    """
    page = document[number]
    width, height = page.get_size()
    if not (width >= 1 and height >= 1):
        raise UnreadablePage("damaged")
    return Leaf(page, width, height)
