"""The words of reports, by language: data files in service/texts, each read when it is first asked for."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from ecg.findings import Finding

ENGLISH: Final = "en"
FOLDER: Final = Path(__file__).parent / "texts"


@dataclass(frozen=True)
class Texts:
    """The words of one language: tables of templates (str.format), as in its file."""

    language: str
    tables: Mapping[str, Mapping[str, str]]

    def __call__(self, key: str, **values: object) -> str:
        """Return the text 'table.name' with its values filled in.

        Raises:
            KeyError: there is no such text, or it asks for a value that was not given.
        """
        table, _, name = key.partition(".")
        return self.tables[table][name].format(**values)

    def find(self, key: str) -> str | None:
        """Return a text as it stands, None where there is none."""
        table, _, name = key.partition(".")
        return self.tables.get(table, {}).get(name)

    def name(self, finding: Finding) -> str:
        """Return the name of a finding, as it stands after 'pattern of'."""
        return self.find(f"finding.{finding.code}") or finding.name

    @property
    def marks(self) -> tuple[str, ...]:
        """What every page says of the report: preliminary, for research, what it cannot tell."""
        return tuple(self.tables["mark"].values())

    @property
    def short_mark(self) -> str:
        """The first two marks, for a picture."""
        return " ".join(self.marks[:2])


def languages() -> tuple[str, ...]:
    """Return the languages that there are."""
    return tuple(sorted(file.stem for file in FOLDER.glob("*.toml")))


@cache
def texts(language: str = ENGLISH) -> Texts:
    """Return the words of a language.

    Raises:
        ValueError: there is no file of it.
    """
    if language not in languages():
        raise ValueError(f"there are no texts in that language, only in {', '.join(languages())}")
    return Texts(language, tomllib.loads((FOLDER / f"{language}.toml").read_text(encoding="utf-8")))
