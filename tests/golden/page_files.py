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


def traced_pdf(
    signals: dict[str, np.ndarray], rotation: int = 0, size: float = 1.0, clip: float | None = None
) -> bytes:
    """Draw leads one below the other on paper of millimetres, 25 mm/s and 10 mm/mV, 500 Hz.

    Args:
        signals: (samples,) in mV of each lead.
        rotation: degrees by which the document turns its page.
        size: how much it is enlarged.
        clip: mm from the left edge beyond which nothing of the traces is seen, though it is drawn.
    """
    held = BytesIO()
    canvas = Canvas(held, pagesize=(297 * mm * size, 210 * mm * size))
    canvas.setPageRotation(rotation)
    canvas.scale(size * mm, size * mm)
    for step, width in ((1, 0.05), (5, 0.15)):
        canvas.setLineWidth(width)
        canvas.setStrokeColorRGB(1, 0.6, 0.6)
        canvas.grid(range(10, 281, step), range(10, 191, step))
    if clip is not None:
        panel = canvas.beginPath()
        panel.rect(0, 0, clip, 210)
        canvas.clipPath(panel, stroke=0)
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


def beats(rate: float, seconds: float = 10.0) -> np.ndarray:
    """Return (samples,) of a plain rhythm, 1 mV high, 500 Hz: P, QRS and T as bells."""
    at = np.arange(round(seconds * 500)) / 500
    bells = ((-0.16, 0.03, 0.12), (-0.03, 0.01, -0.1), (0.0, 0.012, 1.0), (0.03, 0.01, -0.2), (0.26, 0.05, 0.25))
    since = (at[:, None] - np.arange(0.4, seconds + 1, 60 / rate)[None, :])[:, :, None]
    place, width, height = np.array(bells).T
    return (height * np.exp(-0.5 * ((since - place) / width) ** 2)).sum(axis=(1, 2))


def twelve_lead_pdf(rate: float = 60.0, patient_id: str = "", pages: int = 1) -> bytes:
    """Draw pages of 3x4+1 with labels and a pulse, 25 mm/s and 10 mm/mV; each page has a rhythm of its own."""
    held = BytesIO()
    canvas = Canvas(held, pagesize=A4, invariant=True)
    for number in range(pages):
        _twelve_leads(canvas, rate + 15 * number, patient_id)
        canvas.showPage()
    canvas.save()
    return held.getvalue()


def _twelve_leads(canvas: Canvas, rate: float, patient_id: str) -> None:
    canvas.saveState()
    canvas.scale(mm, mm)
    for step, width in ((1, 0.05), (5, 0.15)):
        canvas.setLineWidth(width)
        canvas.setStrokeColorRGB(1, 0.6, 0.6)
        canvas.grid(range(10, 286, step), range(20, 191, step))
    canvas.setStrokeColorRGB(0, 0, 0)
    canvas.setLineWidth(0.25)
    canvas.setFont("Helvetica", 3)
    rhythm = beats(rate)
    one, two = 0.7 * rhythm, rhythm
    limb = {"I": one, "II": two, "III": two - one, "aVR": -(one + two) / 2, "aVL": one - two / 2, "aVF": two - one / 2}
    chest = {f"V{n}": (0.3 * n - 0.8) * rhythm for n in range(1, 7)}
    leads = list((limb | chest).items())
    rows = [[leads[row + 3 * column] for column in range(4)] for row in range(3)] + [[("II", two)]]
    for row, these in enumerate(rows):
        zero, width = 170 - 38 * row, 5000 // len(these)
        canvas.lines([(15, zero, 17, zero), (17, zero, 17, zero + 10), (17, zero + 10, 22, zero + 10)])
        canvas.lines([(22, zero + 10, 22, zero), (22, zero, 24, zero)])
        for column, (lead, signal) in enumerate(these):
            path = canvas.beginPath()
            for at in range(column * width, (column + 1) * width):
                (path.moveTo if at == column * width else path.lineTo)(25 + at * 0.05, zero + signal[at] * 10)
            canvas.drawPath(path)
            canvas.drawString(26 + column * width * 0.05, zero + 14, lead)
    canvas.drawString(15, 12, "25 mm/s 10 mm/mV")
    if patient_id:
        canvas.drawString(15, 200, f"Patient ID: {patient_id}")
    canvas.restoreState()
