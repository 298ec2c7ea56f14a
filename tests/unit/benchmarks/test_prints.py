"""Two prints that another program drew in 2013, whose recording is known, are read near to it."""

import numpy as np
import pytest

from benchmarks.pages.prints import PRINTS, prints, told

pytestmark = pytest.mark.skipif(not PRINTS.is_dir(), reason="no ../shared/samples/prints")


def test_the_prints_of_2013_come_near_what_they_were_drawn_from() -> None:
    found = dict(prints())
    assert found.keys() == {"PDF", "PNG"}
    for leads in found.values():
        assert len(leads) == 12 and min(each.snr for each in leads) > 12
        assert np.mean([each.snr for each in leads]) > 18  # the aim for clean pages
        assert all(each.gain is not None and abs(each.gain - 1) < 0.1 for each in leads)
    assert told(iter(found.items())).count("\n") == 3
