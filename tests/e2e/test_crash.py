"""Killed again and again under load, it loses nothing that it acknowledged and delivers nothing twice."""

import pytest

from tests.e2e.crash.matrix import EMBEDDED, EXTERNAL, planned, run, verdict
from tests.e2e.crash.steps import STEPS
from tests.peers import postgresql


def test_nothing_acknowledged_is_lost_and_nothing_is_delivered_twice(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    # Four fifths of the steps, half of them on each database; `make crash` takes them all, several times.
    steps = [step for place, step in enumerate(STEPS) if place % 5 != 4]
    plans = {EMBEDDED: planned(1, steps[::2]), EXTERNAL: planned(1, steps[1::2])}
    if postgresql.MISSING:
        plans = {EMBEDDED: planned(1, steps)}
    assert sum(map(len, plans.values())) == 24
    # A short name: the path of the database's socket may be 107 bytes long (unix(7)).
    verdict(run(tmp_path_factory.mktemp("crash"), plans))
    if postgresql.MISSING:
        pytest.skip(f"all kills were on the embedded database: {postgresql.MISSING}")
