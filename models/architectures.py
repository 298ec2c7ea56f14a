"""The network architectures by the names that cards and recipes call them."""

from collections.abc import Callable
from typing import Final

from ecg.errors import ModelRefused
from models.nets.paper import PaperCnn, PaperShape
from models.nets.resnet1d import ResNet1d, ResNet1dShape
from models.nets.statespace1d import StateSpace1d, StateSpace1dShape

Net = ResNet1d | StateSpace1d | PaperCnn
NETS: Final[dict[str, tuple[Callable[..., Net], Callable[..., object]]]] = {
    "resnet1d": (ResNet1d, ResNet1dShape),
    "statespace1d": (StateSpace1d, StateSpace1dShape),
    "paper": (PaperCnn, PaperShape),
}


def build(kind: str, shape: dict[str, object], card: str) -> Net:
    """Build an untrained network from its name and shape, as the file `card` declares them.

    Raises:
        ModelRefused: no such architecture, or a shape that does not fit it.
    """
    if kind not in NETS:
        raise ModelRefused(f"The card {card} asks for a network of the kind {kind!r}, which is not known.")
    make, shape_of = NETS[kind]
    try:
        return make(shape_of(**{key: tuple(v) if isinstance(v, list) else v for key, v in shape.items()}))
    except (TypeError, ValueError, RuntimeError) as error:
        raise ModelRefused(f"A {kind} network cannot have the shape that the card {card} declares.") from error
