"""Puts the parts together by the settings: models, router, store."""

from ecg.errors import ModelRefused
from models.network import WEIGHTS, load, use_threads
from models.router import CardRouter
from service.intake import Intake
from service.settings import Settings
from service.store import Store


def build_router(settings: Settings) -> CardRouter:
    """Load every model whose card lies in the weights directory.

    Raises:
        ModelRefused: there is none, or one is not what its card says.
    """
    directory = settings.weights or WEIGHTS
    use_threads(settings.threads)
    models = [load(path) for path in sorted(directory.glob("*.json"))]
    if not models:
        raise ModelRefused("The weights directory holds no model card.")
    return CardRouter([(model.card.arm, model) for model in models])


def build_intake(settings: Settings) -> Intake:
    """Build what every listener hands its payloads to.

    Raises:
        SetupError: models or data directory are not in order.
    """
    return Intake(build_router(settings), Store(settings.data), settings)
