"""The limits of backup checks."""

from datetime import timedelta
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Share = Annotated[float, Field(gt=0, lt=1)]

CLOCK_AHEAD: Final = timedelta(minutes=5)
"""Kerberos' bound for clocks that agree: a backup that is further ahead of this clock has no age."""

MOST_BETWEEN: Final = 1.5
"""Backups further apart than so many intervals have one missing between them, and not only one that was late."""

MOST_COMPARED: Final = 14
"""A backup, or a restore drill, is compared with this many earlier ones: two weeks of daily ones."""


class BackupLimits(BaseModel):
    """Limits for every database; each can be set under [backups.limits]."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    max_difference_share: Share = 0.1
    """By how much the number of rows of a table may differ from the live one, as a share; the larger of this and
    `max_difference_rows` applies. Source: opsrounds' default, a day of growth or of deletions."""

    max_difference_rows: Annotated[int, Field(ge=0)] = 1000
    """The same, in rows. Source: opsrounds' default; fewer differ in a small table within a day."""

    max_small_share: Share = 0.5
    """Of a table of few rows, where `max_difference_rows` would be nearly all: by how much the backup may have fewer
    than the live table, as a share. Source: opsrounds' default; a table seldom doubles within a day."""

    max_small_rows: Annotated[int, Field(ge=0)] = 10
    """So many rows a table of few rows may always have fewer, whatever share that is, unless it is restored empty.
    Source: opsrounds' default, the first entries of a new table."""

    max_still_h: Annotated[float, Field(gt=0)] = 72.0
    """How long before the backup a column of times may end that ended closer to earlier backups, three times as long
    as the longest of those at least. Source: opsrounds' default, a long weekend."""

    max_lag_min: Annotated[float, Field(gt=0)] = 60.0
    """How much older the newest row may be than the live one of that time. Source: opsrounds' default; beyond it a
    standby has lagged."""

    max_drill_age_days: Annotated[float, Field(gt=0)] = 8.0
    """How old the last passed drill may be. Source: the guide's weekly backup verification, and a day of grace."""

    min_size_share: Share = 0.5
    """A backup smaller than this share of the median size is WARN. Source: opsrounds' default."""

    fail_size_share: Share = 0.1
    """A backup smaller than this share of the median size is FAIL. Source: opsrounds' default; no deletion explains
    it."""

    max_size_factor: Annotated[float, Field(gt=1)] = 3.0
    """A backup larger than this many times the median size is WARN. Source: opsrounds' default."""

    min_compared: Annotated[int, Field(ge=2, le=14)] = 3
    """Backups (or drills) that are needed before one is compared with them. Source: opsrounds' default."""

    max_restore_growth: Annotated[float, Field(gt=1)] = 2.0
    """A recovery that takes more than this many times the usual time is WARN. Source: opsrounds' default."""

    @model_validator(mode="after")
    def _shares_in_order(self) -> Self:
        if self.fail_size_share > self.min_size_share:
            raise ValueError(
                f"fail_size_share {self.fail_size_share:g} is above min_size_share {self.min_size_share:g}"
            )
        return self
