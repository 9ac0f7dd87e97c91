"""[history] of a service file."""

from pydantic import field_validator
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from tasks.configuration import AddressOrSecret, Model, SecretRef

_FORM = "must be sqlite:///FILE or postgresql://USER@HOST/DATABASE"


class History(Model):
    """Where results are kept: SQLite beside the service file by default."""

    url: AddressOrSecret = "sqlite:///opsrounds.db"
    """`sqlite:///FILE` or `postgresql://USER@HOST/DATABASE`; one with a password must be a secret."""

    @field_validator("url")
    @classmethod
    def _url(cls, value: str | SecretRef) -> str | SecretRef:
        if isinstance(value, str):
            check_history_url(value)
            url = make_url(value)
            if url.password or "password" in url.query:
                raise ValueError('an address with a password is a secret: use { env = "NAME" } or { file = "/path" }')
        return value


def check_history_url(value: str) -> str:
    """The address of a history database; raises ValueError if it is neither SQLite nor PostgreSQL."""
    try:
        url = make_url(value)
        backend = url.get_backend_name()
    except (ArgumentError, ValueError):  # their texts may repeat a password
        raise ValueError(_FORM) from None
    if "@" in (url.host or ""):  # the end of a password, which would be shown as the host
        raise ValueError("holds an @ in its password: write it as %40")
    if backend not in ("sqlite", "postgresql"):
        raise ValueError(_FORM)
    return value
