"""[database] of a service file: the operated service's own PostgreSQL, read through a read-only role."""

import re
from typing import Annotated
from urllib.parse import parse_qsl, urlsplit

from pydantic import Field, field_validator

from tasks.configuration import AddressOrSecret, Model, SecretRef
from tasks.database.limits import DatabaseLimits

URL = "must be postgresql://USER@HOST[:PORT]/DATABASE"
_SECRET_KEY = re.compile(r"password|secret|scram")
SECRET_URL = 'an address with a password is a secret: use { env = "NAME" } or { file = "/path" }'


class Database(Model):
    """Where the service's database is; the role needs pg_monitor and nothing else."""

    url: AddressOrSecret
    """`postgresql://USER@HOST[:PORT]/DATABASE`; one with a password must be a secret."""

    statement_timeout_s: Annotated[float, Field(gt=0, le=60)] = 5.0
    """Longest time of one query, those of `[[queues]]` and `[[kpi]]` too."""

    connect_timeout_s: Annotated[int, Field(ge=2, le=60)] = 5
    """Longest time to connect; libpq takes at least 2 s."""

    limits: DatabaseLimits = DatabaseLimits()
    """Limits of the database. A value above a `warn_` limit is WARN, above a `fail_` limit FAIL; a `warn_` limit must
    not be above its `fail_` limit."""

    @field_validator("url")
    @classmethod
    def _url(cls, value: str | SecretRef) -> str | SecretRef:
        if isinstance(value, str):
            check_database_url(value)
            if has_password(value):
                raise ValueError(SECRET_URL)
        return value


def check_database_url(value: str) -> str:
    """The address of a PostgreSQL; raises ValueError, which never repeats it."""
    if not value.startswith(("postgresql://", "postgres://")) or any(c.isspace() for c in value):
        raise ValueError(URL)
    return value


def has_password(url: str) -> bool:
    """True for an address that holds a password; raises ValueError for one that cannot be read."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError(URL) from None
    credentials = parts.netloc.rpartition("@")[0]
    return ":" in credentials or any(
        _SECRET_KEY.search(key) for key, _ in parse_qsl(parts.query, keep_blank_values=True)
    )
