"""The bands of a model's score: green, amber or red. They sort scores, and conclude nothing."""

from typing import Final, Literal

from ecg.reading import Score
from service.style import BandScheme

Band = Literal["green", "amber", "red"]
# The bands of the published three-CNN system, the same for each of its scores.
PUBLISHED: Final = (0.3, 0.6)


def band(score: Score, scheme: BandScheme = "card") -> Band | None:
    """Return the band of a score, None where it has none.

    By the card, per finding: red at or above the threshold, green below the point whose sensitivity is 0.95 where the
    threshold was tuned, amber between; none where the card has no such point and the threshold is not reached. As
    published: green below 0.3, red from 0.6. A score of what is never asserted (normality) has no band: a high one
    would be red and a low one green.
    """
    if not score.finding.asserted:
        return None
    if scheme == "published":
        low, high = PUBLISHED
        return "red" if score.probability >= high else "amber" if score.probability >= low else "green"
    if score.reached:
        return "red"
    if score.sensitive is None:
        return None
    return "green" if score.probability < score.sensitive.probability else "amber"
