"""The operator's file of destinations: what is wrong in it is named, and the page's example is right."""

import os
import re
import tomllib
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from adapters.dicom.commitment import MemoryInbox
from adapters.dicom.pacs import Timeouts
from adapters.fhir.frame import FhirSettings
from adapters.oauth import ClientSecret
from ecg.errors import SetupError
from service.destinations import KINDS, Site, read_destinations
from service.settings import load_settings

SITE = Site("TWELVELEAD", FhirSettings(), MemoryInbox())
PAGE = Path(__file__).parents[3] / "docs" / "destinations.md"


def read(tmp_path: Path, text: str) -> list[tuple[str, str]]:
    file = tmp_path / "destinations.toml"
    file.write_text(text)
    with patch.dict(os.environ, {"TWELVELEAD_CONFIG": str(file)}):
        return [(each.name, each.kind) for each in read_destinations(load_settings().destination, SITE)]


def test_without_a_file_there_are_none() -> None:
    assert read_destinations(load_settings().destination, SITE) == ()


def test_what_the_adapters_offer_reaches_them(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hush\n")
    ehr = {
        "name": "ehr",
        "kind": "ehr",
        "base_url": "http://127.0.0.1:8000/fhir",
        "client_id": "us",
        "secret_file": str(tmp_path / "secret"),
        "secret_method": "client_secret_post",
        "token_url": "http://127.0.0.1:8000/token",
        "scopes": ["system/DiagnosticReport.c"],
        "preliminary": "partial",
        "number_systems": {"encounter": "urn:visits"},
        "answer_seconds": 5,
    }
    pacs = {"name": "p", "kind": "pacs", "host": "h", "port": 1, "ae_title": "A", "response_seconds": 7}
    made: Any = [each.destination for each in read_destinations([ehr, pacs], SITE)]
    settings, tokens = made[0]._settings, made[0]._token._settings
    assert (settings.fhir.preliminary, settings.number_systems) == ("partial", {"encounter": "urn:visits"})
    assert settings.wire.answer_seconds == 5 and tokens.scopes == ("system/DiagnosticReport.c",)
    assert tokens.credential == ClientSecret("hush", "client_secret_post")
    assert made[1].settings.timeouts == Timeouts(response=7)


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
    scopes = ["dicom.write"]
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
        (
            '[[destination]]\nname = "e"\nkind = "ehr"\nbase_url = "https://e.example"\nca_file = "/none"',
            "cannot be read",
        ),
        ('[[destination]]\nname = "p"\nkind = "pacs"\nhost = "h"\nport = 1\nae_title = "A"\ntls_key = "/k"', "tls_ca"),
        (2 * '[[destination]]\nname = "ward"\nkind = "folder"\ndirectory = "/a"\n', "same name"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SetupError, match=re.escape(says)):
        read(tmp_path, text)
