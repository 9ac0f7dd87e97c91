"""A backlog of logs."""

import gzip
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.tasks.logs.conftest import Service

START = datetime(2026, 11, 24, 20, 30, tzinfo=UTC)
Written = Callable[[int, datetime, int], bytes]


@pytest.fixture
def backlog(service: "Service", written: Written) -> "Service":
    """Three plain logs and a packed one, each cut into some pieces, whatever their size."""
    service.commit_bytes, service.backlog_bytes = 100_000, 0
    for place in range(4):
        content = written(1500, START + timedelta(hours=3 * place), place)
        if place == 1:
            (service.logs / f"app.log.{place}.gz").write_bytes(gzip.compress(content))
        else:
            (service.logs / f"app.log.{place}").write_bytes(content)
        at = (START + timedelta(hours=3 * place + 4)).timestamp()
        for file in service.logs.glob(f"app.log.{place}*"):
            os.utime(file, (at, at))
    service.now = START + timedelta(days=1)
    return service
