"""Curves in mm as a recorder would print them, from leads in mV that obey Einthoven's law."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from adapters.scan.nouns import Curve, Sheet, Word
from ecg.leads import LEADS, LIMB_FROM_I_II

STEP = 0.2  # mm between a curve's points
LEFT = 20.0  # mm from the sheet's left edge to the first pulse
COLUMNS_3X4 = (("I", "II", "III"), ("aVR", "aVL", "aVF"), ("V1", "V2", "V3"), ("V4", "V5", "V6"))


def leads_at(seconds: np.ndarray) -> dict[str, np.ndarray]:
    """Twelve leads in mV at given times."""
    return {lead: np.interp(seconds, _TIMES, signal) for lead, signal in _drawn().items()}


_TIMES = np.arange(-1.0, 30.0, 0.001)


@cache
def _drawn() -> dict[str, np.ndarray]:
    """Beats that are not quite regular, each lead of another shape."""
    seconds = _TIMES
    beats = np.cumsum(0.83 + 0.06 * np.sin(np.arange(40) * 1.7)) - 0.5

    def wave(delay: float, width: float) -> np.ndarray:
        return sum(np.exp(-(((seconds - beat - delay) / width) ** 2)) for beat in beats)

    p, q, r, s, t = wave(-0.16, 0.025), wave(-0.025, 0.009), wave(0.0, 0.012), wave(0.03, 0.012), wave(0.25, 0.05)
    first = 0.08 * p - 0.05 * q + 0.6 * r - 0.15 * s + 0.15 * t
    second = 0.14 * p - 0.1 * q + 1.1 * r - 0.1 * s + 0.3 * t
    limb = LIMB_FROM_I_II @ np.stack([first, second])
    chest = [0.07 * p + (0.2 + 0.25 * n) * r - (1.4 - 0.22 * n) * s + (0.1 + 0.1 * n) * t for n in range(6)]
    return dict(zip(LEADS, [*limb, *chest], strict=True))


@dataclass(frozen=True)
class Printer:
    """How a page is printed."""

    columns: tuple[tuple[str, ...], ...] = COLUMNS_3X4
    rhythms: tuple[str, ...] = ("II",)
    seconds: float = 2.5  # a column
    speed: float = 25.0
    gain: float = 10.0
    chest_gain: float | None = None
    pulse: str = "start"  # or 'end', or ''
    pulse_seconds: float = 0.2
    gap: float = 0.0  # mm between columns
    spacing: float = 30.0  # mm between rows
    labels: bool = True
    together: bool = False  # whether all columns show the same time

    @property
    def begin(self) -> float:
        """Where the first column begins, mm."""
        return LEFT + (self.pulse_seconds * self.speed + 3.0 if self.pulse == "start" else 0.0)

    @property
    def width(self) -> float:
        return self.seconds * self.speed

    def _value(self, lead: str, seconds: np.ndarray) -> np.ndarray:
        signal = leads_at(seconds)
        gain = self.chest_gain if self.chest_gain and lead.startswith("V") else self.gain
        return -signal["aVR"] * gain if lead == "-aVR" else signal[lead] * gain

    def _row(self, base: float, pieces: tuple[str, ...]) -> Curve:
        span = self.width * max(len(self.columns), 1)
        length = self.pulse_seconds * self.speed
        x = np.arange(LEFT - 1.0, self.begin + span + length + 8.0, STEP)
        y = np.full(len(x), np.nan)
        each = span / len(pieces)
        for number, lead in enumerate(pieces):
            left = self.begin + number * each
            here = (x >= left + self.gap / 2) & (x < left + each - self.gap / 2)
            since = left if self.together else self.begin
            y[here] = base - self._value(lead, (x[here] - since) / self.speed)
        if self.pulse:
            at = LEFT + 0.8 if self.pulse == "start" else self.begin + span + 2.0
            foot = (x >= at - 0.7) & (x <= at + length + 0.9) & ((x < at) | (x > at + length))
            y[foot] = base
            y[(x >= at) & (x <= at + length)] = base - self._pulse_height(pieces)
        return Curve(x, y, np.ones(len(x), np.float32))

    def _pulse_height(self, pieces: tuple[str, ...]) -> float:
        return self.chest_gain if self.chest_gain and all(lead.startswith("V") for lead in pieces) else self.gain

    def rows(self) -> list[tuple[str, ...]]:
        across = [
            tuple(column[r] for column in self.columns) for r in range(len(self.columns[0]) if self.columns else 0)
        ]
        return [*across, *((lead,) for lead in self.rhythms)]

    def curves(self) -> tuple[Curve, ...]:
        return tuple(self._row(30.0 + self.spacing * r, pieces) for r, pieces in enumerate(self.rows()))

    def words(self) -> tuple[Word, ...]:
        """The labels, above the traces near the pieces' beginnings; a lone 'I' is missed, as readers do."""
        span = self.width * max(len(self.columns), 1)
        found = []
        for r, pieces in enumerate(self.rows()):
            for number, lead in enumerate(pieces):
                if lead != "I" and self.labels:
                    found.append(word(lead, self.begin + 1.5 + number * span / len(pieces), 20.0 + self.spacing * r))
        return tuple(found)


def word(text: str, left: float, top: float) -> Word:
    return Word(text, (left, top, left + 2.2 * len(text), top + 3.0), 0.95)


def sheet() -> Sheet:
    """A blank sheet of A4, for what asks for one."""
    return Sheet(np.full((1050, 1485, 3), 255, np.uint8), 5.0, np.eye(3), 1.0)
