"""The same heartbeat through every door is the same canonical tensor and the same score."""

from itertools import islice

import pytest

from models.router import CardRouter
from tests.peers.hearts import SAME_SCORE, STEP, WRITERS, Heart, compared, hearts, missing

HEARTS = list(islice(hearts(), 4))  # the synthetic ones and, where LUDB is, two recordings


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("heart", HEARTS, ids=lambda heart: heart.name)
def test_a_heart_is_the_same_through_every_format(heart: Heart, writer: str, router: CardRouter) -> None:
    if reason := missing(writer):
        pytest.skip(reason)
    difference = compared(heart, writer, router)
    assert difference.signal <= STEP and difference.score < SAME_SCORE
