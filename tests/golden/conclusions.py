"""What no text may conclude, as a search: for the tests of every rendering and of the files of texts."""

import re

CONCLUDES = re.compile(
    r"(?<!not-)\bnormal\b|\bno\s+(\w+\s+){0,2}(infarct|ischa?emi|disease\b|abnormal|signs\b|evidence|finding)|low.risk|rules?\s+out"
    r"|\bhealthy\b|\bunremarkable\b|\bnegative for\b",
    re.IGNORECASE,
)
SCORE_OF_NORMALITY = re.compile(r"a normal ECG(?= \(NORM\))")
EXCLUDES = re.compile(r"[^.]*\b(?:excludes no disease|does not exclude)\b[^.]*\.")


def concluded(text: str) -> list[str]:
    """Return what a text concludes; the name of a score, the recorder's own words and what denies are left out."""
    plain = " ".join(text.split())
    plain = re.sub(r"\u201c[^\u201d]*\u201d", "", plain)
    plain = EXCLUDES.sub("", SCORE_OF_NORMALITY.sub("", plain))
    return [match.group() for match in CONCLUDES.finditer(plain)]
