"""Alembic's entry: the connection comes from tasks.history.migrate."""

from typing import Any, Literal

from alembic import context

from tasks.backups import tables as _backups  # noqa: F401
from tasks.history import tables as _history  # noqa: F401  these fill metadata
from tasks.history.engine import UtcDateTime, metadata
from tasks.logs import tables as _logs  # noqa: F401
from tasks.samples import tables as _samples  # noqa: F401
from tasks.slo import tables as _slo  # noqa: F401


def _render(kind: str, thing: Any, _context: Any) -> str | Literal[False]:
    return "UtcDateTime()" if kind == "type" and isinstance(thing, UtcDateTime) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_item=_render,
    compare_type=True,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
