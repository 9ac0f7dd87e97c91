"""Rows written by their primary key, on both databases."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def put_rows(connection: Connection, table: Table, rows: list[dict[str, Any]], added: Sequence[str] = ()) -> None:
    """Write rows; of one that is there, what is given for the columns `added` is added, the others are replaced."""
    if not rows:
        return
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    upsert = dialect.insert(table)
    new = {
        column.name: column + upsert.excluded[column.name] if column.name in added else upsert.excluded[column.name]
        for column in table.columns
        if not column.primary_key
    }
    connection.execute(upsert.on_conflict_do_update(index_elements=list(table.primary_key), set_=new), rows)
