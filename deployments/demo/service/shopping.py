"""Module shopping: the lists people take to the shop."""

import asyncio
from contextlib import suppress

import psycopg
from prometheus_client import CollectorRegistry, Counter, Gauge
from psycopg.rows import DictRow
from pydantic import Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deployments.demo.service.database import Database
from deployments.demo.service.ingredients import Ingredients
from deployments.demo.service.module import Body, Id, Text, not_found, read_body
from deployments.demo.service.users import Users

# Owners and ingredients are ids of other modules: no foreign keys across modules.
_TABLES = """
CREATE SCHEMA IF NOT EXISTS shopping;
CREATE TABLE IF NOT EXISTS shopping.lists (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner_id integer NOT NULL,
    title text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS shopping.items (
    list_id integer NOT NULL REFERENCES shopping.lists,
    position integer NOT NULL,
    ingredient_id integer NOT NULL,
    quantity integer NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (list_id, position)
);
CREATE INDEX IF NOT EXISTS lists_created_at ON shopping.lists (created_at);
CREATE TABLE IF NOT EXISTS shopping.estimate_jobs (
    list_id integer PRIMARY KEY REFERENCES shopping.lists,
    queued_at timestamptz NOT NULL DEFAULT now(),
    done_at timestamptz,
    failed_at timestamptz,
    estimate_yen integer
);
CREATE INDEX IF NOT EXISTS estimate_jobs_waiting ON shopping.estimate_jobs (queued_at)
    WHERE done_at IS NULL AND failed_at IS NULL;
WITH first AS (
    INSERT INTO shopping.lists (owner_id, title)
    SELECT owner, '今週の献立 ' || owner FROM generate_series(1, 6) AS owner
    WHERE NOT EXISTS (SELECT FROM shopping.lists)
    RETURNING id, owner_id
)
INSERT INTO shopping.items (list_id, position, ingredient_id, quantity)
SELECT id, position, 1 + (owner_id * 3 + position) % 20, 1 + position % 3
FROM first, generate_series(1, 4) AS position;
"""
_WORK_EVERY_S = 1.0


class Item(Body):
    ingredient_id: Id
    quantity: int = Field(ge=1, le=1000)


class NewList(Body):
    owner_id: Id
    title: Text
    items: list[Item] = Field(min_length=1, max_length=50)


def create_tables(connection: "psycopg.Connection[object]") -> None:
    """The module's tables and its first rows; nothing changes when they are there."""
    connection.execute(_TABLES)


class Shopping:
    name = "shopping"

    def __init__(self, database: Database, ingredients: Ingredients, users: Users, registry: CollectorRegistry) -> None:
        self._database = database
        self._ingredients = ingredients
        self._users = users
        self._created = Counter("shopping_lists_created", "Shopping lists created.", registry=registry)
        self._conversion = Gauge(
            "shopping_conversion_ratio",
            "Share of the active users who made a list within 30 days.",
            registry=registry,
        )
        self.routes = [
            Route("/api/shopping/lists", self._list),
            Route("/api/shopping/lists", self._create, methods=["POST"]),
            Route("/api/shopping/lists/{id:int}", self._show),
        ]

    async def measure(self) -> None:
        row = await self._database.fetch_one(
            "SELECT count(DISTINCT owner_id) AS owners FROM shopping.lists"
            " WHERE created_at > now() - interval '30 days'"
        )
        active = await self._users.active()
        self._conversion.set(min(1.0, row["owners"] / active) if row and active else 0.0)

    async def work_off(self) -> None:
        """Estimate new lists at the prices of now, for as long as the service runs.

        Every instance does; a list that two of them take gets the same estimate twice.
        """
        while True:
            with suppress(psycopg.Error, TimeoutError):  # the jobs wait until the database answers again
                await self._estimate()
            await asyncio.sleep(_WORK_EVERY_S)

    async def _estimate(self) -> None:
        waiting = await self._database.fetch(
            "SELECT list_id FROM shopping.estimate_jobs WHERE done_at IS NULL AND failed_at IS NULL"
            " ORDER BY queued_at LIMIT 50"
        )
        for job in waiting:
            items = await self._items(job["list_id"])
            total, whole = await self._total(items)
            if whole:
                done = "UPDATE shopping.estimate_jobs SET done_at = now(), estimate_yen = %s WHERE list_id = %s"
                await self._database.fetch(f"{done} RETURNING list_id", total, job["list_id"])
            else:
                failed = "UPDATE shopping.estimate_jobs SET failed_at = now() WHERE list_id = %s"
                await self._database.fetch(f"{failed} RETURNING list_id", job["list_id"])

    async def _total(self, items: list[DictRow]) -> tuple[int, bool]:
        """What items cost in yen, and whether all of their ingredients are still on offer."""
        prices = await self._ingredients.prices([item["ingredientId"] for item in items])
        known = [item for item in items if item["ingredientId"] in prices]
        return sum(prices[item["ingredientId"]] * item["quantity"] for item in known), known == items

    async def _list(self, request: Request) -> Response:
        rows = await self._database.fetch(
            'SELECT id, owner_id AS "ownerId", title FROM shopping.lists ORDER BY id DESC LIMIT 50'
        )
        return JSONResponse({"lists": rows})

    async def _show(self, request: Request) -> Response:
        row = await self._database.fetch_one(
            'SELECT id, owner_id AS "ownerId", title, estimate_yen AS "estimateYen"'
            " FROM shopping.lists LEFT JOIN shopping.estimate_jobs ON list_id = id WHERE id = %s",
            request.path_params["id"],
        )
        if row is None:
            raise not_found("shopping list")
        items = await self._items(row["id"])
        total, _ = await self._total(items)
        return JSONResponse({**row, "items": items, "totalYen": total})

    async def _items(self, list_id: int) -> list[DictRow]:
        return await self._database.fetch(
            'SELECT ingredient_id AS "ingredientId", quantity FROM shopping.items WHERE list_id = %s ORDER BY position',
            list_id,
        )

    async def _create(self, request: Request) -> Response:
        new = await read_body(request, NewList)
        wanted = [item.ingredient_id for item in new.items]
        unknown = set(wanted) - set(await self._ingredients.prices(wanted))
        if unknown:
            raise HTTPException(422, f"no such ingredients: {sorted(unknown)}")
        if not await self._users.exists(new.owner_id):
            raise HTTPException(422, f"no such user: {new.owner_id}")
        row = await self._database.fetch_one(
            """
            WITH list AS (INSERT INTO shopping.lists (owner_id, title) VALUES (%s, %s) RETURNING id),
            items AS (
                INSERT INTO shopping.items (list_id, position, ingredient_id, quantity)
                SELECT list.id, item.position, item.ingredient, item.quantity
                FROM list, unnest(%s::int[], %s::int[])
                    WITH ORDINALITY AS item (ingredient, quantity, position)
            ),
            job AS (INSERT INTO shopping.estimate_jobs (list_id) SELECT id FROM list)
            SELECT id FROM list
            """,
            new.owner_id,
            new.title,
            wanted,
            [item.quantity for item in new.items],
        )
        self._created.inc()
        return JSONResponse(row, status_code=201)
