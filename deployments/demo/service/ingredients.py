"""Module ingredients: what can be bought, and for how much."""

from collections.abc import Collection

import psycopg
from prometheus_client import CollectorRegistry, Gauge
from psycopg.errors import UniqueViolation
from pydantic import Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deployments.demo.service.cache import Cache
from deployments.demo.service.database import Database
from deployments.demo.service.module import Body, Text, not_found, read_body

_TABLES = """
CREATE SCHEMA IF NOT EXISTS ingredients;
CREATE TABLE IF NOT EXISTS ingredients.ingredients (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    unit text NOT NULL,
    price_yen integer NOT NULL CHECK (price_yen >= 0),
    created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO ingredients.ingredients (name, unit, price_yen) VALUES
    ('豆腐', '丁', 98), ('納豆', 'パック', 108), ('味噌', 'kg', 540), ('米', 'kg', 720),
    ('鮭', '切れ', 250), ('鶏もも肉', '100g', 148), ('豚バラ肉', '100g', 228), ('卵', '個', 28),
    ('牛乳', 'L', 238), ('大根', '本', 168), ('人参', '本', 58), ('玉葱', '個', 64),
    ('じゃが芋', '個', 52), ('長葱', '本', 128), ('ほうれん草', '束', 178), ('椎茸', 'パック', 198),
    ('わかめ', '袋', 148), ('醤油', 'L', 398), ('みりん', 'L', 448), ('昆布', '袋', 480)
ON CONFLICT (name) DO NOTHING;
"""


class NewIngredient(Body):
    name: Text
    unit: Text
    price_yen: int = Field(ge=0, le=10_000_000)


def create_tables(connection: "psycopg.Connection[object]") -> None:
    """The module's tables and its first rows; nothing changes when they are there."""
    connection.execute(_TABLES)


class Ingredients:
    name = "ingredients"

    def __init__(self, database: Database, cache: Cache, registry: CollectorRegistry) -> None:
        self._database = database
        self._cache = cache
        self._registered = Gauge("ingredients_registered", "Ingredients on offer.", registry=registry)
        self.routes = [
            Route("/api/ingredients", self._list),
            Route("/api/ingredients", self._create, methods=["POST"]),
            Route("/api/ingredients/{id:int}", self._show),
        ]

    async def prices(self, ids: Collection[int]) -> dict[int, int]:
        """The price in yen of each of these ingredients that exists."""
        rows = await self._database.fetch(
            "SELECT id, price_yen FROM ingredients.ingredients WHERE id = ANY(%s)", list(ids)
        )
        return {row["id"]: row["price_yen"] for row in rows}

    async def measure(self) -> None:
        row = await self._database.fetch_one("SELECT count(*) AS registered FROM ingredients.ingredients")
        self._registered.set(row["registered"] if row else 0)

    async def _list(self, request: Request) -> Response:
        rows = await self._database.fetch(
            'SELECT id, name, unit, price_yen AS "priceYen" FROM ingredients.ingredients ORDER BY id LIMIT 100'
        )
        return JSONResponse({"ingredients": rows})

    async def _show(self, request: Request) -> Response:
        key = f"ingredient:{request.path_params['id']}"
        row = self._cache.get(key)  # an ingredient never changes
        if row is None:
            row = await self._database.fetch_one(
                'SELECT id, name, unit, price_yen AS "priceYen" FROM ingredients.ingredients WHERE id = %s',
                request.path_params["id"],
            )
            if row is None:
                raise not_found("ingredient")
            self._cache.set(key, row)
        return JSONResponse(row)

    async def _create(self, request: Request) -> Response:
        new = await read_body(request, NewIngredient)
        try:
            row = await self._database.fetch_one(
                "INSERT INTO ingredients.ingredients (name, unit, price_yen) VALUES (%s, %s, %s)"
                ' RETURNING id, name, unit, price_yen AS "priceYen"',
                new.name,
                new.unit,
                new.price_yen,
            )
        except UniqueViolation:
            raise HTTPException(409, "an ingredient of that name exists") from None
        return JSONResponse(row, status_code=201)
