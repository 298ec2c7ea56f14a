"""How a site wants its reports: format of the ECG, size of the pages, bands of scores, language."""

import json
from dataclasses import dataclass, fields
from typing import Final, Literal

LayoutName = Literal["3x4+1", "6x2", "12x1"]
PageSize = Literal["A4", "Letter"]
BandScheme = Literal["card", "published"]


@dataclass(frozen=True)
class Style:
    """What changes how a report looks and reads, and nothing of what was read.

    Attributes:
        layout: the printed format of the ECG.
        paper: the size of the pages, landscape.
        bands: where the bands of a score lie, see service.bands.
        language: of the words, by its file in service/texts.
        prevalence: of findings at the site, by their codes: for predictive values.
    """

    layout: LayoutName = "3x4+1"
    paper: PageSize = "A4"
    bands: BandScheme = "card"
    language: str = "en"
    prevalence: tuple[tuple[str, float], ...] = ()

    @property
    def settings(self) -> str:
        """What of it is not the default, for the id of a report; '' where nothing is."""
        changed = {each.name: getattr(self, each.name) for each in fields(self)}
        changed = {name: value for name, value in changed.items() if value != getattr(DEFAULT, name)}
        return json.dumps(changed) if changed else ""


DEFAULT: Final = Style()
