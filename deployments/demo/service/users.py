"""Module users: who plans the meals."""

import asyncio
import hashlib
import hmac

import psycopg
from prometheus_client import CollectorRegistry, Counter, Gauge
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deployments.demo.service.database import Database
from deployments.demo.service.module import Body, Text, not_found, read_body

_TABLES = """
CREATE SCHEMA IF NOT EXISTS users;
CREATE TABLE IF NOT EXISTS users.users (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email text NOT NULL UNIQUE,
    name text NOT NULL,
    password_hash bytea NOT NULL,
    joined_on date NOT NULL DEFAULT current_date,
    last_login_at timestamptz
)
"""
_PEOPLE = (
    ("aoi", "佐藤 葵"),
    ("haruto", "鈴木 陽翔"),
    ("mei", "高橋 芽依"),
    ("ren", "田中 蓮"),
    ("sakura", "伊藤 さくら"),
    ("sota", "渡辺 颯太"),
    ("yui", "山本 結衣"),
    ("yuto", "中村 悠斗"),
)


class Login(Body):
    email: Text
    password: Text


def sample_logins() -> dict[str, str]:
    """The e-mail address and password of everybody in the sample data."""
    return {f"{name}@kondate.example": f"{name}-{len(name)}-kondate" for name, _ in _PEOPLE}


def create_tables(connection: "psycopg.Connection[object]") -> None:
    """The module's tables and its first rows; nothing changes when they are there."""
    connection.execute(_TABLES)
    for (_, name), (email, password) in zip(_PEOPLE, sample_logins().items(), strict=True):
        connection.execute(
            "INSERT INTO users.users (email, name, password_hash, last_login_at)"
            " VALUES (%s, %s, %s, now()) ON CONFLICT (email) DO NOTHING",
            [email, name, _hash(email, password)],
        )


def _hash(email: str, password: str) -> bytes:
    return hashlib.scrypt(password.encode(), salt=email.encode(), n=2**11, r=8, p=1)


class Users:
    name = "users"

    def __init__(self, database: Database, registry: CollectorRegistry) -> None:
        self._database = database
        self._active = Gauge("users_active", "Users who logged in within 30 days.", registry=registry)
        self._logins = Counter("users_logins", "Logins tried.", ["result"], registry=registry)
        for result in ("accepted", "refused"):
            self._logins.labels(result)
        self.routes = [
            Route("/api/users", self._list),
            Route("/api/users/login", self._log_in, methods=["POST"]),
            Route("/api/users/{id:int}", self._show),
        ]

    async def exists(self, user_id: int) -> bool:
        return bool(await self._database.fetch("SELECT 1 FROM users.users WHERE id = %s", user_id))

    async def active(self) -> int:
        """How many users logged in within 30 days."""
        row = await self._database.fetch_one(
            "SELECT count(*) AS active FROM users.users WHERE last_login_at > now() - interval '30 days'"
        )
        return int(row["active"]) if row else 0

    async def measure(self) -> None:
        self._active.set(await self.active())

    async def _list(self, request: Request) -> Response:
        rows = await self._database.fetch("SELECT id, name FROM users.users ORDER BY id LIMIT 100")
        return JSONResponse({"users": rows})

    async def _show(self, request: Request) -> Response:
        row = await self._database.fetch_one(
            'SELECT id, name, joined_on::text AS "joinedOn" FROM users.users WHERE id = %s',
            request.path_params["id"],
        )
        if row is None:
            raise not_found("user")
        return JSONResponse(row)

    async def _log_in(self, request: Request) -> Response:
        login = await read_body(request, Login)
        row = await self._database.fetch_one(
            "SELECT id, name, password_hash FROM users.users WHERE email = %s", login.email
        )
        # Hashed for an unknown address too: the time taken does not say which addresses exist.
        given = await asyncio.to_thread(_hash, login.email, login.password)
        if row is None or not hmac.compare_digest(given, row["password_hash"]):
            self._logins.labels("refused").inc()
            raise HTTPException(401, "unknown e-mail address or wrong password")
        await self._database.fetch("UPDATE users.users SET last_login_at = now() WHERE id = %s RETURNING id", row["id"])
        self._logins.labels("accepted").inc()
        return JSONResponse({"id": row["id"], "name": row["name"]})
