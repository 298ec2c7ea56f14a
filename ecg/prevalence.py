"""What a result at a threshold means at a site: predictive values, by how frequent a finding is among its ECGs."""

from dataclasses import dataclass

from ecg.reading import OperatingPoint


@dataclass(frozen=True)
class PredictiveValues:
    """How often a result is right where a finding has this prevalence; all are 0 to 1.

    Attributes:
        prevalence: the share of the site's ECGs with the finding.
        positive: of those at or above the threshold, the share with it.
        negative: of those below, the share without.
    """

    prevalence: float
    positive: float
    negative: float


def predictive_values(point: OperatingPoint, prevalence: float) -> PredictiveValues:
    """Return the predictive values of an operating point, by Bayes' theorem (Altman and Bland, BMJ 309, 102 (1994)).

    They hold as far as the point's sensitivity and specificity do at the site. Where no ECG would be on one side of the
    threshold, the share there is that of all ECGs.

    Args:
        point: sensitivity and specificity.
        prevalence: between 0 and 1.

    Raises:
        ValueError: the prevalence is none.
    """
    if not 0 < prevalence < 1:
        raise ValueError(f"a prevalence of {prevalence}")
    hits, missed = point.sensitivity * prevalence, (1 - point.sensitivity) * prevalence
    spared, alarms = point.specificity * (1 - prevalence), (1 - point.specificity) * (1 - prevalence)
    positive = hits / (hits + alarms) if hits + alarms else prevalence
    negative = spared / (spared + missed) if spared + missed else 1 - prevalence
    return PredictiveValues(prevalence, positive, negative)
