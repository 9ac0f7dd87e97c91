"""Messages that are done with go, those that wait stay, and the chain is whole after everything."""

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import Connection, Engine, select, text

from tasks.history.batches import LEAST_ROWS, MOST_ROWS, BatchSize, in_batches
from tasks.history.engine import reading, writing
from tasks.history.outbox import OutboxMessage
from tasks.history.prune import remove_messages
from tasks.history.runs import RunKey, record_run
from tasks.history.tables import outbox
from tests.tasks.history.conftest import Compose, Verify
from tests.tasks.history.writing import AT

DAY = timedelta(days=1)


def test_only_messages_that_were_sent_or_given_up_long_ago_go(
    history: Engine,
    a_run: Callable[..., Compose],
    a_message: Callable[..., OutboxMessage],
    verify: Verify,
) -> None:
    states = ("waiting", "unknown", "sent", "failed", "sent")
    for number, state in enumerate(states):
        key = RunKey("shop", "daily-checklist", f"2026-11-{10 + number}", "hand")
        record_run(history, key, a_run(key, messages=[a_message(str(number))]))
        ended = None if state in ("waiting", "unknown") else AT - (100 - 60 * (number == 4)) * DAY
        with writing(history) as connection:
            mine = outbox.update().where(outbox.c.dedupe_key == a_message(str(number)).dedupe_key)
            connection.execute(mine.values(state=state, finished_at=ended))
    other = RunKey("other", "daily-checklist", "2026-11-10", "hand")
    record_run(history, other, a_run(other, messages=[a_message("other")]))
    with writing(history) as connection:
        connection.execute(
            outbox.update()
            .where(outbox.c.dedupe_key == a_message("other").dedupe_key)
            .values(state="sent", finished_at=AT - 100 * DAY)
        )
    assert sum(remove_messages(history, "shop", AT - 90 * DAY)) == 2
    with reading(history) as connection:
        left = connection.execute(select(outbox.c.state).order_by(outbox.c.id)).scalars().all()
    assert left == ["waiting", "unknown", "sent", "sent"]
    assert all(verdict.problems == () for verdict in verify())
    assert [verdict.length for verdict in verify()] == [1, 5]


def test_each_batch_is_a_transaction_of_its_own(history: Engine) -> None:
    """What was given is done for good, whatever becomes of the rest."""
    with writing(history) as connection:
        connection.execute(text("CREATE TABLE crumbs (id INTEGER PRIMARY KEY)"))
        connection.execute(text("INSERT INTO crumbs VALUES (1), (2), (3), (4), (5)"))
    size = BatchSize()
    size.rows = 2

    def work(connection: Connection, most: int) -> int:
        some = text("DELETE FROM crumbs WHERE id IN (SELECT id FROM crumbs ORDER BY id LIMIT :most)")
        return connection.execute(some, {"most": most}).rowcount

    steps = in_batches(history, size, work)
    assert next(steps) == 2
    steps.close()
    with reading(history) as connection:
        assert connection.execute(text("SELECT count(*) FROM crumbs")).scalar_one() == 3
    assert list(in_batches(history, size, work)) == [3]


def test_a_batch_grows_and_shrinks_with_its_time() -> None:
    size = BatchSize()
    for _ in range(9):
        size.took(size.rows, 0.01)
    assert size.rows == MOST_ROWS
    size.took(3, 0.01)  # a last, small one
    assert size.rows == MOST_ROWS
    for _ in range(9):
        size.took(size.rows, 1.0)
    assert size.rows == LEAST_ROWS
