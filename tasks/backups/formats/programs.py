"""Which of the machine's PostgreSQL programs a backup is restored with."""

from collections.abc import Sequence

from tasks.check_result import msg
from tasks.observation import ObservationError
from tasks.postgres.installation import Installation


def newest(known: Sequence[Installation]) -> Installation:
    """The newest PostgreSQL of this machine; raises ObservationError if there is none."""
    if not known:
        raise ObservationError(
            msg("There is no PostgreSQL on this machine: install opsrounds[embedded], or set [backups] postgres")
        )
    return max(known, key=lambda installation: installation.major)


def fitting(known: Sequence[Installation], needed: int, *, exactly: bool = False) -> Installation:
    """The oldest PostgreSQL that can restore what needs `needed`; raises ObservationError if there is none."""
    newest(known)
    fit = [one for one in known if one.major == needed or (one.major > needed and not exactly)]
    if not fit:
        have = ", ".join(sorted({one.version for one in known}))
        only = msg("The backup needs PostgreSQL {needed}, but this machine has {have}: set [backups] postgres",
                   needed=needed, have=have)  # fmt: skip
        newer = msg("The backup needs PostgreSQL {needed} or newer, but this machine has {have}: set "
                    "[backups] postgres",
                    needed=needed, have=have)  # fmt: skip
        raise ObservationError(only if exactly else newer)
    return min(fit, key=lambda installation: installation.major)
