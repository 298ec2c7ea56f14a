"""Pages as bytes, drawn here: pictures in every format, PDFs, and files that mean harm."""

import struct
import zlib
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

A4 = (297 * mm, 210 * mm)


def picture(width: int = 400, height: int = 300) -> Image.Image:
    """Return a picture whose upper left quarter is red."""
    image = Image.new("RGB", (width, height), "white")
    image.paste((220, 30, 30), (0, 0, width // 2, height // 2))
    return image


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    held = BytesIO()
    image.save(held, kind, **options)
    return held.getvalue()


def png_of(width: int, height: int) -> bytes:
    """Return a grey PNG of any size, of few bytes: its rows shrink a thousandfold."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    squeeze = zlib.compressobj(9)
    rows = b"".join(squeeze.compress(bytes(width + 1)) for _ in range(height)) + squeeze.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def pdf(pages: int = 1, size: tuple[float, float] = A4, password: str | None = None, text: str = "") -> bytes:
    held = BytesIO()
    encrypt = StandardEncryption(password, canPrint=0) if password else None
    canvas = Canvas(held, pagesize=size, encrypt=encrypt)
    for _ in range(pages):
        canvas.drawString(20 * mm, 20 * mm, text)
        canvas.showPage()
    canvas.save()
    return held.getvalue()


def traced_pdf(signals: dict[str, np.ndarray], rotation: int = 0, size: float = 1.0) -> bytes:
    """Draw leads one below the other on paper of millimetres, 25 mm/s and 10 mm/mV, 500 Hz.

    Args:
        signals: (samples,) in mV of each lead.
        rotation: degrees by which the document turns its page.
        size: how much it is enlarged.
    """
    held = BytesIO()
    canvas = Canvas(held, pagesize=(297 * mm * size, 210 * mm * size))
    canvas.setPageRotation(rotation)
    canvas.scale(size * mm, size * mm)
    for step, width in ((1, 0.05), (5, 0.15)):
        canvas.setLineWidth(width)
        canvas.setStrokeColorRGB(1, 0.6, 0.6)
        canvas.grid(range(10, 281, step), range(10, 191, step))
    canvas.setStrokeColorRGB(0, 0, 0)
    for row, (lead, signal) in enumerate(signals.items()):
        zero = 170 - row * 25
        path = canvas.beginPath()
        for at, value in enumerate(signal):
            (path.lineTo if at else path.moveTo)(20 + at * 0.05, zero + value * 10)
        canvas.drawPath(path)
        canvas.setFont("Helvetica", 3)
        canvas.drawString(20, zero + 8, lead)
    canvas.setFont("Helvetica", 3)
    canvas.drawString(20, 12, "25 mm/s 10 mm/mV")
    canvas.save()
    return held.getvalue()
