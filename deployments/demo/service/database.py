"""The service's connections to its database: few, and with a bound on every wait."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, LiteralString

from psycopg import AsyncConnection, Error
from psycopg.rows import DictRow, dict_row

_STATEMENT_TIMEOUT_MS = 2000
_CONNECT_TIMEOUT_S = 2
_WAIT_FOR_CONNECTION_S = 2.0


class Database:
    """A small pool: at most `size` connections, opened when needed and kept."""

    def __init__(self, dsn: str, size: int = 4) -> None:
        self._dsn = dsn
        self._slots = asyncio.Semaphore(size)
        self._idle: list[AsyncConnection[DictRow]] = []

    async def fetch(self, statement: LiteralString, *parameters: Any) -> list[DictRow]:
        """All rows of one statement, which is a transaction of its own."""
        async with self._connection() as connection:
            cursor = await connection.execute(statement, parameters)
            return await cursor.fetchall()

    async def fetch_one(self, statement: LiteralString, *parameters: Any) -> DictRow | None:
        """The first row of one statement."""
        rows = await self.fetch(statement, *parameters)
        return rows[0] if rows else None

    async def close(self) -> None:
        while self._idle:
            await self._idle.pop().close()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection[DictRow]]:
        async with asyncio.timeout(_WAIT_FOR_CONNECTION_S):
            await self._slots.acquire()
        try:
            connection = self._idle.pop() if self._idle else await self._connect()
            try:
                yield connection
            except Error:
                self._keep(connection)  # the statement failed, not the connection
                raise
            except BaseException:
                await connection.close()  # a cancelled statement may still be answered on it
                raise
            self._keep(connection)
        finally:
            self._slots.release()

    def _keep(self, connection: AsyncConnection[DictRow]) -> None:
        if not connection.closed and not connection.broken:
            self._idle.append(connection)

    async def _connect(self) -> AsyncConnection[DictRow]:
        return await AsyncConnection.connect(
            self._dsn,
            autocommit=True,
            row_factory=dict_row,
            connect_timeout=_CONNECT_TIMEOUT_S,
            application_name="kondate",
            options=f"-c statement_timeout={_STATEMENT_TIMEOUT_MS}",
        )
