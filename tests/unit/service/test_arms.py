"""Which of the installed models may read."""

import pytest

from ecg.errors import ModelRefused
from service.settings import Settings
from service.wiring import build_router, digests


def test_only_the_arms_that_are_named_may_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWELVELEAD_ARMS", '["subset", "image"]')
    router = build_router(Settings())
    assert {name for name, _ in router.arms} == {"subset", "image"}
    assert {"subset", "image"} == {name for name, _ in digests(Settings())} - {each.card.kind for each in router.guards}
    assert router.digest != build_router(Settings(arms=())).digest


def test_an_arm_that_is_not_there_is_told_at_the_start() -> None:
    with pytest.raises(ModelRefused, match="TWELVELEAD_ARMS names x-ray; there is"):
        build_router(Settings(arms=("subset", "x-ray")))
