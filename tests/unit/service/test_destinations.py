"""The operator's file of destinations: what is wrong in it is named, and the page's example is right."""

import re
import tomllib
from pathlib import Path

import pytest

from adapters.dicom.commitment import MemoryInbox
from adapters.fhir.frame import FhirSettings
from ecg.errors import SetupError
from service.destinations import KINDS, Site, read_destinations

SITE = Site("TWELVELEAD", FhirSettings(), MemoryInbox())
PAGE = Path(__file__).parents[3] / "docs" / "destinations.md"


def read(tmp_path: Path, text: str) -> list[tuple[str, str]]:
    file = tmp_path / "destinations.toml"
    file.write_text(text)
    return [(each.name, each.kind) for each in read_destinations(file, SITE)]


def test_without_a_file_there_are_none() -> None:
    assert read_destinations(None, SITE) == ()


def test_each_kind_is_built(tmp_path: Path) -> None:
    text = """
    [[destination]]
    name = "ward"
    kind = "folder"
    directory = "/srv/reports"
    [[destination]]
    name = "pacs"
    kind = "pacs"
    host = "127.0.0.1"
    port = 4242
    ae_title = "PACS"
    [[destination]]
    name = "ehr"
    kind = "ehr"
    base_url = "http://127.0.0.1:8000/fhir"
    [[destination]]
    name = "web"
    kind = "pacs"
    url = "https://pacs.example.org/dicom-web"
    commitment = false
    [[destination]]
    name = "both"
    kind = "pacs"
    url = "https://pacs.example.org/dicom-web"
    client_id = "twelvelead"
    secret_file = "{secret}"
    token_url = "https://login.example.org/token"
    scope = "dicom.write"
    host = "127.0.0.1"
    port = 4242
    ae_title = "PACS"
    """
    secret = tmp_path / "secret"
    secret.write_text("s3cret")
    kinds = [("ward", "folder"), ("pacs", "pacs"), ("ehr", "ehr"), ("web", "pacs"), ("both", "pacs")]
    assert read(tmp_path, text.format(secret=secret)) == kinds


def test_the_example_of_the_page_is_what_it_says() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    made = [KINDS.validate_python(table) for table in tomllib.loads(example)["destination"]]
    assert [each.kind for each in made] == ["folder", "pacs", "pacs", "ehr"]


@pytest.mark.parametrize(
    "text, says",
    [
        ("[[destination]", "TOML"),
        ('[[destination]]\nname = "ward"', "ward"),
        ('[[destination]]\nname = "ward"\nkind = "fax"', "folder"),
        ('[[destination]]\nname = "ward"\nkind = "folder"', "directory"),
        ('[[destination]]\nname = "ward"\nkind = "folder"\ndirectory = "/a"\ncolour = "red"', "colour"),
        ('[[destination]]\nname = "p"\nkind = "pacs"\nhost = "h"\nport = "x"\nae_title = "A"', "port"),
        (
            '[[destination]]\nname = "p"\nkind = "pacs"\nhost = "h"\nport = 1\nae_title = "A TITLE TOO LONG FOR IT"',
            "16",
        ),
        ('[[destination]]\nname = "e"\nkind = "ehr"\nbase_url = "http://elsewhere.example/fhir"', "https"),
        ('[[destination]]\nname = "e"\nkind = "ehr"\nbase_url = "https://e.example"\nclient_id = "c"', "key_file"),
        ('[[destination]]\nname = "p"\nkind = "pacs"\nurl = "https://p.example"', "commitment = false"),
        ('[[destination]]\nname = "p"\nkind = "pacs"\nhost = "h"', "ae_title"),
        (
            '[[destination]]\nname = "p"\nkind = "pacs"\nurl = "http://p.example"\ncommitment = false',
            "https",
        ),
        (
            '[[destination]]\nname = "p"\nkind = "pacs"\nurl = "https://p.eu"\ncommitment = false\nclient_id = "c"',
            "token_url",
        ),
        (2 * '[[destination]]\nname = "ward"\nkind = "folder"\ndirectory = "/a"\n', "same name"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SetupError, match=re.escape(says)):
        read(tmp_path, text)
