"""The questions of the resource usage section that concern the service's PostgreSQL."""

from typing import Final

from tasks.check_result import Check, Severity, msg

CONNECTIONS: Final = Check(
    "resources.database-connections",
    msg("Database connection usage"),
    msg("Are there connections left for the service?"),
    Severity.EMERGENCY,
)
TRANSACTIONS: Final = Check(
    "resources.database-transactions",
    msg("Open transaction age"),
    msg("Are there no transactions that stay open for long?"),
    Severity.WARNING,
)
LOCKS: Final = Check(
    "resources.database-locks",
    msg("Lock wait time"),
    msg("Are there no sessions that wait long for a lock?"),
    Severity.WARNING,
)
WRAPAROUND: Final = Check(
    "resources.database-wraparound",
    msg("Transaction ID age"),
    msg("Is every database vacuumed long before its transaction IDs run out?"),
    Severity.EMERGENCY,
)
REPLICATION: Final = Check(
    "resources.database-replication",
    msg("Replication lag and slots"),
    msg("Do standbys keep up, and does no unused slot retain WAL?"),
    Severity.WARNING,
)
VACUUM: Final = Check(
    "resources.database-vacuum",
    msg("Dead row ratio"),
    msg("Does autovacuum keep up with dead rows?"),
    Severity.INFORMATION,
)
CACHE: Final = Check(
    "resources.database-cache",
    msg("Cache hit ratio"),
    msg("Does the database find most blocks in shared buffers?"),
    Severity.INFORMATION,
)
SIZE: Final = Check(
    "resources.database-size",
    msg("Database size"),
    msg("Is the database within its size limit?"),
    Severity.WARNING,
)
CHECKS: Final = (CONNECTIONS, TRANSACTIONS, LOCKS, WRAPAROUND, REPLICATION, VACUUM, CACHE, SIZE)
