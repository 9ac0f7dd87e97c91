"""What opsrounds itself does to a service or a machine, and so must not wake anybody for."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """What is under way."""

    LOAD_TEST = "load-test"
    RESTORE_DRILL = "restore-drill"


@dataclass(frozen=True, slots=True)
class Activity:
    """A load test or a restore drill; `until` bounds one whose process was killed.

    `on_service`: it loads the service itself, not only the machine that opsrounds runs on.
    """

    kind: Kind
    on_service: bool
    started_at: datetime
    until: datetime
