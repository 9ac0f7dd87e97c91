"""The questions of the resource usage section that concern the service's PostgreSQL."""

from typing import Final

from tasks.check_result import Check, Severity, msg

CONNECTIONS: Final = Check(
    "resources.database-connections",
    msg("Database connections"),
    msg("Are there connections left for the service?"),
    Severity.EMERGENCY,
)
TRANSACTIONS: Final = Check(
    "resources.database-transactions",
    msg("Open transactions"),
    msg("Does no transaction stay open for long?"),
    Severity.WARNING,
)
LOCKS: Final = Check(
    "resources.database-locks",
    msg("Lock waits"),
    msg("Does no session wait long for a lock?"),
    Severity.WARNING,
)
WRAPAROUND: Final = Check(
    "resources.database-wraparound",
    msg("Transaction ID wraparound"),
    msg("Is every database vacuumed long before its transaction IDs run out?"),
    Severity.EMERGENCY,
)
REPLICATION: Final = Check(
    "resources.database-replication",
    msg("Replication"),
    msg("Do standbys follow closely, and does no unused slot hold back WAL?"),
    Severity.WARNING,
)
VACUUM: Final = Check(
    "resources.database-vacuum",
    msg("Dead rows"),
    msg("Does autovacuum keep up with dead rows?"),
    Severity.INFORMATION,
)
CACHE: Final = Check(
    "resources.database-cache",
    msg("Cache hit ratio"),
    msg("Does the database find most blocks in its own memory?"),
    Severity.INFORMATION,
)
SIZE: Final = Check(
    "resources.database-size",
    msg("Database size"),
    msg("Is the database within the size that is meant for it?"),
    Severity.WARNING,
)
CHECKS: Final = (CONNECTIONS, TRANSACTIONS, LOCKS, WRAPAROUND, REPLICATION, VACUUM, CACHE, SIZE)
