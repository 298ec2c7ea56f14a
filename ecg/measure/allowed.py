"""Which measurements a recording allows, by what its source says of scale and filters."""

from typing import Final

from ecg.measurement import DEGREE, MILLIVOLT, RATIO, Measurement
from ecg.recording import Filters, Recording

# A linear filter keeps the ST segment up to 0.05 Hz, one without phase distortion up to 0.67 Hz. Kligfield et al.,
# Circulation 2007;115:1306, low-frequency filtering; IEC 60601-2-25.
HIGHEST_HIGH_PASS: Final = 0.05
HIGHEST_ZERO_PHASE: Final = 0.67
ST_CODES: Final = ("st-j", "st-j60")
SCALE_FREE: Final = (DEGREE, RATIO)


def forbidden(recording: Recording, one: Measurement) -> str | None:
    """Return why this recording does not allow a measurement, or None where it does.

    A page whose scale was assumed gives no millivolt and no millisecond, and none of its leads whose gain was assumed
    gives a millivolt. Where the source does not say how the
    recording was filtered, nothing of the ST segment is measured: it may have been filtered above what that allows.
    """
    if recording.provenance.scale_assumed and one.unit not in SCALE_FREE:
        return "scale-assumed"
    page = recording.provenance.page
    if page is not None and one.lead in page.gain_assumed and one.unit == MILLIVOLT:
        return "scale-assumed"
    return _st(recording.filters) if one.code in ST_CODES else None


def _st(filters: Filters) -> str | None:
    if filters.high_pass is None:
        return "high-pass-unknown"
    limit = HIGHEST_ZERO_PHASE if filters.zero_phase else HIGHEST_HIGH_PASS
    return "high-pass-too-high" if filters.high_pass > limit else None
