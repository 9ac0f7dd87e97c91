"""Alembic's entry: the connection comes from tasks.history.migrate."""

from typing import Any, Literal

from alembic import context

from tasks.discovery import modules
from tasks.history.engine import UtcDateTime, metadata

modules("tables")  # they fill metadata


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
