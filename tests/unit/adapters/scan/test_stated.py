"""Speed and gain in print."""

import pytest

from adapters.scan.stated import stated
from tests.unit.adapters.scan.drawn import word


@pytest.mark.parametrize(
    ("text", "speed", "gain", "chest"),
    [
        ("25mm/s 10mm/mV 40Hz 005E 12SL", 25, 10, None),
        ("25.0 mm/s | 10 mm/mV", 25, 10, None),
        ("25 mm/sec  1.0 cm/mV", 25, 10, None),
        ("0.67~100Hz AC60 25mm/s 10mm/mV Lead Off", 25, 10, None),
        ("50mm/s 20mm/mV", 50, 20, None),
        ("Speed: 25 mm/sec Limb: 10 mm/mV Chest: 5 mm/mV", 25, 10, 5),
        ("Limb:20 mm/mV Chest:10.0 mm/mV", None, 20, 10),
        ("1 mV = 10 mm", None, 10, None),
        ("10/5mm/mV", None, 10, 5),
        ("25nm/s 10mrn/mV", 25, 10, None),
        ("25mmls 5mm/my", 25, 5, None),
        ("26mm/s 11mm/mV", None, None, None),
        ("QRS duration 125 ms, 10 mm ST", None, None, None),
        ("V1 to V3 5mm/mV", None, 5, None),
    ],
)
def test_what_print_states(text: str, speed: float | None, gain: float | None, chest: float | None) -> None:
    said = stated([word(text, 10, 190)])
    assert said.speeds == ({speed} if speed else set())
    assert said.gains == ({gain} if gain else set())
    assert said.chest_gains == ({chest} if chest else set())


def test_a_number_and_its_unit_may_be_two_words() -> None:
    said = stated([word("25", 10, 190), word("mm/s", 16, 190.4), word("10", 40, 190), word("mm/mV", 46, 189.8)])
    assert (said.speeds, said.gains) == ({25.0}, {10.0})
