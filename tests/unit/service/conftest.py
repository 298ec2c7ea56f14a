"""What tests of the service share: a database of their own."""

from collections.abc import Iterator

import pytest

from service.database import Database


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Give an embedded database, new for each module."""
    made = Database("", tmp_path_factory.mktemp("db") / "postgres")
    yield made
    made.close()
