"""The checks of the backup verification: the steps of a restore drill, and the state of the backup files."""

from typing import Final

from tasks.causes import Cause
from tasks.check_result import Check, Severity, msg
from tasks.guide.lines import GuideLine

FRESHNESS: Final = Check(
    "backups.freshness",
    msg("Age of the newest backup"),
    msg("Is the newest backup recent enough?"),
    Severity.EMERGENCY,
)
ENCRYPTION: Final = Check(
    "backups.encryption",
    msg("Backup encryption"),
    msg("Is the backup encrypted where encryption is required?"),
    Severity.WARNING,
)
MANIFEST: Final = Check(
    "backups.manifest",
    msg("Backup integrity"),
    msg("Is the backup unchanged since it was made?"),
    Severity.EMERGENCY,
)
ISOLATION: Final = Check(
    "backups.isolation",
    msg("Isolation of the restore drill"),
    msg("Did every program that touched the backup run in a sandbox?"),
    Severity.WARNING,
)
CONTAINER: Final = Check(
    "backups.container",
    msg("Backup file format"),
    msg("Is the file a complete backup of the right database, in a supported format?"),
    Severity.EMERGENCY,
)
DECODE: Final = Check(
    "backups.decode",
    msg("Backup readability"),
    msg("Can everything in the backup be read?"),
    Severity.EMERGENCY,
)
RESTORE: Final = Check(
    "backups.restore",
    msg("Restore"),
    msg("Can the backup be restored into a database?"),
    Severity.EMERGENCY,
)
SCHEMA: Final = Check(
    "backups.schema",
    msg("Schema of the restored database"),
    msg("Does the restored database have every table, constraint and index, and the right encoding?"),
    Severity.EMERGENCY,
)
COUNTS: Final = Check(
    "backups.counts",
    msg("Row counts of the restored database"),
    msg("Does every table have the expected number of rows?"),
    Severity.EMERGENCY,
)
CONTENT: Final = Check(
    "backups.content",
    msg("Row contents of the restored database"),
    msg("Do the restored rows match those that were backed up?"),
    Severity.EMERGENCY,
)
INVARIANTS: Final = Check(
    "backups.invariants",
    msg("Invariants of the restored database"),
    msg("Do foreign keys, unique columns, sequences and declared invariants hold?"),
    Severity.EMERGENCY,
)
NEWEST_ROW: Final = Check(
    "backups.newest-row",
    msg("Newest row of the restored database"),
    msg("Does the backup contain data up to the time it was made?"),
    Severity.EMERGENCY,
)
SMOKE: Final = Check(
    "backups.smoke",
    msg("Smoke test on the restored database"),
    msg("Does the service work on the restored database?"),
    Severity.WARNING,
)
RECOVERY_TIME: Final = Check(
    "backups.recovery-time",
    msg("Recovery time"),
    msg("Did the recovery stay within the RTO?"),
    Severity.WARNING,
)
DRILL: Final = Check(
    "backups.drill",
    msg("Restore drill"),
    msg("Has a restore drill passed recently?"),
    Severity.EMERGENCY,
)
RETENTION: Final = Check(
    "backups.retention",
    msg("Backup retention"),
    msg("Is there a backup for every interval of the retention period?"),
    Severity.WARNING,
)
SIZE: Final = Check(
    "backups.size",
    msg("Size of the newest backup"),
    msg("Is the newest backup about as large as the previous ones?"),
    Severity.WARNING,
)
OFFSITE: Final = Check(
    "backups.offsite",
    msg("Off-site copy"),
    msg("Has the newest backup been copied off-site?"),
    Severity.WARNING,
)

FILE_CHECKS: Final = (FRESHNESS, MANIFEST, CONTAINER, ISOLATION, ENCRYPTION, RETENTION, SIZE, OFFSITE, DRILL)
"""What is checked every day, without a restore; `backups.drill` then reports the last drill."""

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
    ISOLATION,
    RECOVERY_TIME,
    DRILL,
    RETENTION,
    SIZE,
    OFFSITE,
)
LINE: Final = GuideLine(
    "backups", msg("Verify the backups"), ("backups.*",), also="バックアップの検証", named_by=(DRILL.id,)
)
_STEPS: Final = (
    *(MANIFEST, CONTAINER, DECODE, RESTORE, SCHEMA, COUNTS, CONTENT, INVARIANTS, NEWEST_ROW, SMOKE, RECOVERY_TIME),
)
_THE_SAME_FAULT: Final = {MANIFEST.id: (CONTAINER.id,), COUNTS.id: (CONTENT.id,)}
"""Bytes that are gone are missed by the format, rows that are gone are missed in the contents."""
CAUSES: Final = tuple(
    # A step that fails is why the drill did, and why the steps after it were not reached.
    Cause(
        step.id,
        (*_THE_SAME_FAULT.get(step.id, ()), DRILL.id),
        unknown=tuple(later.id for later in _STEPS[place:]),
        same="subject",
    )
    for place, step in enumerate(_STEPS, 1)
)
