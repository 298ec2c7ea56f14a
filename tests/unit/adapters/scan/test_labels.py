"""Names of leads as readers of characters give them."""

import pytest

from adapters.scan.labels import lead_of


@pytest.mark.parametrize(
    ("text", "lead"),
    [
        ("aVR", "aVR"),
        ("laVR", "aVR"),
        ("~aVL", "aVL"),
        ("aV1", "aVL"),
        ("aVI", "aVL"),
        ("avf", "aVF"),
        ("VR", "aVR"),
        ("-aVR", "-aVR"),
        ("\u2212aVR", "-aVR"),
        ("V1", "V1"),
        ("LV4", "V4"),
        ("vs", "V5"),
        ("V4r", "V4R"),
        ("V8", "V8"),
        ("1", "I"),
        ("\u2161I", "III"),
        ("I\u2162I", "III"),
        ("H", "II"),
    ],
)
def test_slips_of_reading_are_understood(text: str, lead: str) -> None:
    assert lead_of(text) == lead


@pytest.mark.parametrize(
    "text", ["", "ms", "VL", "N", "80", "BPM", "Vent. rate", "25mm/s", "V10", "MLII", "aVR V1", "-"]
)
def test_other_print_names_no_lead(text: str) -> None:
    assert lead_of(text) is None
