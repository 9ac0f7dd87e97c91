"""The questions of the backup verification: the ladder of a restore drill, and what only time tells."""

from typing import Final

from tasks.check_result import Check, Severity, msg
from tasks.guide.lines import GuideLine

FRESHNESS: Final = Check(
    "backups.freshness",
    msg("Newest backup"),
    msg("Is the newest backup young enough?"),
    Severity.EMERGENCY,
)
ENCRYPTION: Final = Check(
    "backups.encryption",
    msg("Encryption of backups"),
    msg("Is the backup encrypted where it must be?"),
    Severity.WARNING,
)
MANIFEST: Final = Check(
    "backups.manifest",
    msg("Backup as it was written"),
    msg("Has nothing of the backup changed since it was made?"),
    Severity.EMERGENCY,
)
CONTAINER: Final = Check(
    "backups.container",
    msg("File format of the backup"),
    msg("Is it a whole file of a backup format, of the right database?"),
    Severity.EMERGENCY,
)
DECODE: Final = Check(
    "backups.decode",
    msg("Backup is readable"),
    msg("Can everything in the backup be read?"),
    Severity.EMERGENCY,
)
RESTORE: Final = Check(
    "backups.restore",
    msg("Restore"),
    msg("Can a database be made from it?"),
    Severity.EMERGENCY,
)
SCHEMA: Final = Check(
    "backups.schema",
    msg("Schema of the restored copy"),
    msg("Has the restored copy every table, constraint, index and the right encoding?"),
    Severity.EMERGENCY,
)
COUNTS: Final = Check(
    "backups.counts",
    msg("Rows of the restored copy"),
    msg("Does every table hold the rows that it must?"),
    Severity.EMERGENCY,
)
CONTENT: Final = Check(
    "backups.content",
    msg("Content of the restored copy"),
    msg("Are the rows the ones that were backed up?"),
    Severity.EMERGENCY,
)
INVARIANTS: Final = Check(
    "backups.invariants",
    msg("Invariants of the restored copy"),
    msg("Do foreign keys, unique columns, sequences and the team's own rules hold?"),
    Severity.EMERGENCY,
)
NEWEST_ROW: Final = Check(
    "backups.newest-row",
    msg("Newest row of the restored copy"),
    msg("Does the backup reach up to the time at which it was made?"),
    Severity.EMERGENCY,
)
SMOKE: Final = Check(
    "backups.smoke",
    msg("Service on the restored copy"),
    msg("Does the service work on the restored copy?"),
    Severity.WARNING,
)
RECOVERY_TIME: Final = Check(
    "backups.recovery-time",
    msg("Recovery time"),
    msg("Did the recovery take no longer than it may?"),
    Severity.WARNING,
)
DRILL: Final = Check(
    "backups.drill",
    msg("Restore drill"),
    msg("Was a backup restored and found right lately?"),
    Severity.EMERGENCY,
)
RETENTION: Final = Check(
    "backups.retention",
    msg("Retention of backups"),
    msg("Is there a backup for every interval that must be kept?"),
    Severity.WARNING,
)
SIZE: Final = Check(
    "backups.size",
    msg("Size of the newest backup"),
    msg("Is the newest backup about as large as those before it?"),
    Severity.WARNING,
)
OFFSITE: Final = Check(
    "backups.offsite",
    msg("Second copy of the backup"),
    msg("Did the newest backup reach the second place?"),
    Severity.WARNING,
)

FILE_CHECKS: Final = (FRESHNESS, MANIFEST, CONTAINER, ENCRYPTION, RETENTION, SIZE, OFFSITE, DRILL)
"""What is looked at every day, without a restore; `backups.drill` then tells of the last one."""

CHECKS: Final = (
    FRESHNESS,
    ENCRYPTION,
    MANIFEST,
    CONTAINER,
    DECODE,
    RESTORE,
    SCHEMA,
    COUNTS,
    CONTENT,
    INVARIANTS,
    NEWEST_ROW,
    SMOKE,
    RECOVERY_TIME,
    DRILL,
    RETENTION,
    SIZE,
    OFFSITE,
)
LINE: Final = GuideLine("backups", msg("Verify the backups"), ("backups.*",), also="バックアップの検証")
