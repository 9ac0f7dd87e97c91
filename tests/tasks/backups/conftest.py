"""A running shop for the tests of restore drills."""

from collections.abc import Iterator

import pytest

from tests.shop_backups import Shop, running_shop


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The shop with about a hundred thousand rows; nobody writes to it."""
    with running_shop(tmp_path_factory.mktemp("shop"), rows=100_000) as running:
        yield running
