"""From logits to probabilities: temperature, Platt's line and isotonic steps, and which of them a fold speaks for."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression, minimize
from scipy.special import expit, logit

PARTS: Final = 5  # of the cross-validation
STEP: Final = 1e-4  # of log-odds, by which a higher logit means more at least
FAR: Final = 50.0  # beyond the last step a line goes on, so that no two scores become one


@dataclass(frozen=True)
class Calibration:
    """log-odds = slope * logit + intercept, or what `knots` say of that, where there are any, by lines between them."""

    method: str
    slope: float
    intercept: float = 0.0
    knots: tuple[tuple[float, float], ...] = ()

    def log_odds(self, logits: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return calibrated log-odds."""
        z = np.asarray(self.slope * logits + self.intercept, dtype=np.float64)
        return np.asarray(np.interp(z, *np.array(self.knots).T)) if self.knots else z

    def shifted(self, by: float) -> "Calibration":
        """Return the same for recordings among which the odds of the finding are larger by this much, in log-odds.

        Saerens et al., Neural Computation 14, 21 (2002), equation 4.
        """
        if self.knots:
            return replace(self, knots=tuple((at, round(to + by, 5)) for at, to in self.knots))
        return replace(self, intercept=round(self.intercept + by, 5))

    def __call__(self, logits: NDArray[np.floating]) -> NDArray[np.float64]:
        return np.asarray(expit(self.log_odds(logits)))


def temperature(truth: NDArray[np.bool_], logits: NDArray[np.floating]) -> Calibration:
    """Fit a slope alone by maximum likelihood (Guo et al., ICML 2017)."""
    (slope,) = _most_likely(truth, logits, np.array([[1.0], [0.0]]), np.array([1.0]))
    return Calibration("temperature", slope)


def platt(truth: NDArray[np.bool_], logits: NDArray[np.floating]) -> Calibration:
    """Fit slope and intercept by maximum likelihood (Platt, 1999)."""
    slope, intercept = _most_likely(truth, logits, np.eye(2), np.array([1.0, 0.0]))
    return Calibration("Platt", slope, intercept)


def isotonic(truth: NDArray[np.bool_], logits: NDArray[np.floating]) -> Calibration:
    """Fit steps that only rise (Zadrozny and Elkan, KDD 2002), joined by straight lines between their middles.

    A step of positives or negatives alone is taken for as sure as its size allows, by a half of the other in it. Beyond
    the outer steps Platt's slope goes on.
    """
    line = platt(truth, logits)
    order = np.argsort(logits, kind="stable")
    blocks = isotonic_regression(truth[order].astype(float)).blocks
    knots: list[tuple[float, float]] = []
    for start, end in pairwise(blocks):
        part = order[start:end]
        rate = (truth[part].sum() + 0.5) / (end - start + 1)
        at, to = round(float(np.median(logits[part])), 4), round(float(logit(rate)), 4)
        if knots and at <= knots[-1][0]:
            continue
        knots.append((at, max(to, round(knots[-1][1] + STEP, 4)) if knots else to))
    first, last = knots[0], knots[-1]
    beyond = round(line.slope * FAR, 4)
    ends = (
        (round(first[0] - FAR, 4), round(first[1] - beyond, 4)),
        (round(last[0] + FAR, 4), round(last[1] + beyond, 4)),
    )
    return Calibration("isotonic", 1.0, 0.0, (ends[0], *knots, ends[1]))


Method = Callable[[NDArray[np.bool_], NDArray[np.floating]], Calibration]
METHODS: Final[tuple[Method, ...]] = (temperature, platt, isotonic)  # the simplest first


def log_loss(truth: NDArray[np.bool_], calibrated: NDArray[np.floating]) -> float:
    """Return the mean negative log-likelihood of calibrated log-odds."""
    return float(losses_of(truth, calibrated).mean())


def losses_of(truth: NDArray[np.bool_], calibrated: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the negative log-likelihood of each recording's calibrated log-odds."""
    return np.asarray(np.logaddexp(0.0, calibrated) - truth * calibrated, dtype=np.float64)


def best(truth: NDArray[np.bool_], logits: NDArray[np.floating], groups: NDArray[np.integer]) -> Calibration:
    """Return the calibration by the method that a cross-validation speaks for, fitted on all.

    A method takes the place of a simpler one where its log-loss is lower by more than the standard error of the
    difference, recording by recording.

    Args:
        truth: bool (n,).
        logits: (n,).
        groups: int (n,), the patient of each: nobody is fitted and measured on.
    """
    part = np.random.default_rng(0).permutation(int(groups.max()) + 1)[groups] % PARTS
    chosen, least = METHODS[0], _held_out(METHODS[0], truth, logits, part)
    for method in METHODS[1:]:
        losses = _held_out(method, truth, logits, part)
        gain = least - losses
        if gain.mean() > gain.std() / np.sqrt(len(gain)):
            chosen, least = method, losses
    return chosen(truth, logits)


def _held_out(
    method: Method, truth: NDArray[np.bool_], logits: NDArray[np.floating], part: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Return the log-loss of each recording by a calibration that was fitted without its part."""
    found = np.zeros(len(truth))
    for held in range(PARTS):
        inside = part == held
        found[inside] = method(truth[~inside], logits[~inside]).log_odds(logits[inside])
    return losses_of(truth, found)


def reliability_line(truth: NDArray[np.bool_], log_odds: NDArray[np.floating]) -> tuple[float, float]:
    """Return calibration slope, and calibration in the large: the intercept with the slope held at 1.

    1 and 0 are perfect. Van Calster et al., BMC Medicine 17, 230 (2019).
    """
    (shift,) = _most_likely(truth, log_odds, np.array([[0.0], [1.0]]), np.array([0.0]), fixed=np.array([1.0, 0.0]))
    return platt(truth, log_odds).slope, shift


def _most_likely(
    truth: NDArray[np.bool_],
    logits: NDArray[np.floating],
    free: NDArray[np.float64],
    start: NDArray[np.float64],
    fixed: NDArray[np.float64] | None = None,
) -> tuple[float, ...]:
    """Fit (slope, intercept) = fixed + free @ parameters by maximum likelihood; return the parameters, to 5 digits."""
    held = np.zeros(2) if fixed is None else fixed
    x = np.asarray(logits, dtype=np.float64)

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        slope, intercept = held + free @ parameters
        z = slope * x + intercept
        wrong = expit(z) - truth
        return log_loss(truth, z), free.T @ np.array([np.mean(wrong * x), np.mean(wrong)])

    found = minimize(loss, start, method="BFGS", jac=True, options={"gtol": 1e-7})
    return tuple(round(float(each), 5) for each in found.x)
