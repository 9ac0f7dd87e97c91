"""[history] of a service file."""

from typing import Annotated, Final, Self

from pydantic import Field, StringConstraints, field_validator, model_validator
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from tasks.configuration import AddressOrSecret, Called, Model, SecretRef, each_once

SPARE_DAYS: Final = 14
"""So many days beyond what a report looks back: it is made up to a week late, and looks a little further."""
_BEFORE_DAYS = 31
"""Hours are compared with those of four weeks before, which must be kept when minutes are."""
Month = Annotated[
    str, StringConstraints(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$"), Called('month such as `"2026-11"`', "months")
]
_FORM = "must be sqlite:///FILE or postgresql://USER@HOST/DATABASE"


class History(Model):
    """Where results are kept, SQLite beside the service file by default, and for how long."""

    url: AddressOrSecret = "sqlite:///opsrounds.db"
    """`sqlite:///FILE` or `postgresql://USER@HOST/DATABASE`; one with a password must be a secret."""

    keep_minutes_days: Annotated[int, Field(ge=45, le=800)] = 45
    """Days of figures by minute: requests, probes, samples. Older ones are merged into hours, but never those of a
    month that an SLO report has still to freeze. At least 14 more than the longest rolling `window` of an objective.
    Source: a month, and two weeks to report it."""

    keep_hours_days: Annotated[int, Field(ge=100, le=4000)] = 400
    """Days of figures and log counts by hour; at least 31 more than `keep_minutes_days`. What is kept by day, such as
    for capacity planning, is not removed. Source: thirteen months, so that a month can be compared with that of the
    year before."""

    keep_resolved_days: Annotated[int, Field(ge=100, le=4000)] = 400
    """Days after which an error that was resolved and not seen since is removed; seen again, it is new. At least
    `keep_hours_days`, so that the review of an old day does not miss it. Open and ignored errors stay."""

    keep_messages_days: Annotated[int, Field(ge=7, le=4000)] = 90
    """Days after which a message that was delivered or given up is removed: it holds its recipient's address. One that
    waits stays."""

    give_up_months: tuple[Month, ...] = ()
    """Months that cannot be frozen, such as for a log that was damaged, whose minutes may go all the same."""

    @field_validator("give_up_months")
    @classmethod
    def _months(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        each_once(value, "a month")
        return value

    @model_validator(mode="after")
    def _kept_long_enough(self) -> Self:
        if self.keep_hours_days < (least := self.keep_minutes_days + _BEFORE_DAYS):
            raise ValueError(f"keep_hours_days must be at least {least}: keep_minutes_days and {_BEFORE_DAYS} more")
        if self.keep_resolved_days < self.keep_hours_days:
            raise ValueError(f"keep_resolved_days must be at least keep_hours_days ({self.keep_hours_days})")
        return self

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
