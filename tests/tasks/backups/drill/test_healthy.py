"""A shop that sells: dump after dump of it, each drilled while the shop has gone on, is found right."""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest

from tasks.backups.facts import Backup, DrillVerdict
from tasks.backups.files.find import find_backups
from tasks.backups.judge.files import judge_freshness, judge_size
from tasks.backups.judge.retention import judge_retention
from tasks.backups.limits import BackupLimits
from tasks.backups.take.take import take
from tasks.check_result import Status
from tests.shop_backups import LONGEST_S, Shop, running_shop

DUMPS = int(os.environ.get("OPSROUNDS_HEALTHY", "4"))
"""`make study` sets 50."""

FORMS = (".dump", ".dir", ".sql", ".sql.gz")
ZONE = ZoneInfo("Asia/Tokyo")
# A day of a small shop: orders, customers, payments, other prices, returned goods, and a clerk who tidies up.
DAY = """
INSERT INTO customers (email, name, created_at)
  SELECT 'new' || txid_current() || '-' || n || '@example.test', 'customer', clock_timestamp()
  FROM generate_series(1, 7) n;
INSERT INTO orders (customer_id, state, placed_at)
  SELECT 1 + n % 200, 'new', clock_timestamp() FROM generate_series(1, 40) n;
INSERT INTO order_lines SELECT id, 1, 1 + id % 500, 2 FROM orders ORDER BY id DESC LIMIT 40;
INSERT INTO payments (order_id, amount, paid_at)
  SELECT id, 12.5, clock_timestamp() FROM orders o WHERE NOT EXISTS (SELECT FROM payments p WHERE p.order_id = o.id)
  ORDER BY id DESC LIMIT 25;
UPDATE orders SET state = 'paid' WHERE id IN (SELECT order_id FROM payments ORDER BY id DESC LIMIT 25);
UPDATE products SET price = price + 0.1, changed_at = clock_timestamp() WHERE id % 37 = 3;
UPDATE stock SET pieces = pieces - 1 WHERE product_id % 11 = 0;
DELETE FROM order_lines WHERE order_id IN (SELECT id FROM orders ORDER BY id LIMIT 9);
DELETE FROM payments WHERE order_id IN (SELECT id FROM orders ORDER BY id LIMIT 9);
DELETE FROM orders WHERE id IN (SELECT id FROM orders ORDER BY id LIMIT 9);
DELETE FROM audit WHERE id IN (SELECT id FROM audit ORDER BY id LIMIT 5);
"""


@pytest.fixture(scope="module")
def selling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A small shop that is open."""
    with running_shop(tmp_path_factory.mktemp("selling"), rows=2_000) as running:
        yield running


def a_day(shop: Shop, number: int) -> None:
    with psycopg.connect(shop.owner, autocommit=True) as connection:
        connection.execute(DAY.encode())
        if number % 3 == 0:
            connection.execute(b"ANALYZE")
        if number % 5 == 4:
            connection.execute(b"INSERT INTO suppliers (name) VALUES ('supplier ' || txid_current())")
            connection.execute(b"VACUUM")


def days_ago(backups: tuple[Backup, ...], now: datetime) -> tuple[Backup, ...]:
    """The same backups, newest first, as if one had been made each night."""
    return tuple(replace(backup, at=now - timedelta(days=number, hours=4)) for number, backup in enumerate(backups))


@pytest.mark.deep
def test_no_false_alarm_over_dumps_of_a_shop_that_sells(selling: Shop) -> None:
    folder = selling.folder / "nightly"
    taken: dict[str, list[Path]] = {form: [] for form in FORMS}
    for number in range(DUMPS):
        form = FORMS[number % len(FORMS)]
        target = selling.target(folder / f"{number:03}-*{form}", content="whole" if number % 2 else "sampled")
        a_day(selling, number)
        taken[form].append(take(target, datetime.now(UTC), (), LONGEST_S))
        a_day(selling, number + 1)
        found = selling.drilled(folder / f"{number:03}-*{form}")
        statuses = found.statuses
        assert statuses.pop("smoke") is Status.SKIPPED
        assert set(statuses.values()) == {Status.PASS}, found.summary()
        assert found.verdict is DrillVerdict.PASSED
    now = datetime.now(UTC)
    for form, paths in taken.items():
        nightly = days_ago(find_backups(folder, f"*{form}"), now)
        target = selling.target(folder / f"*{form}", keep_days=len(paths)).backups
        assert len(nightly) == len(paths)
        assert judge_size("database:shop", nightly, BackupLimits(), now).status in (Status.PASS, Status.SKIPPED)
        assert judge_retention("database:shop", nightly, target, ZONE, now).status is Status.PASS
        assert judge_freshness("database:shop", nightly, target, now).status is Status.PASS
