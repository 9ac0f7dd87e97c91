"""The limits of the operated service's PostgreSQL."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from tasks.bounds import check_order
from tasks.configuration import Model

Percent = Annotated[float, Field(gt=0, le=100)]
Seconds = Annotated[float, Field(gt=0)]


class DatabaseLimits(Model):
    """Limits of the database; each can be set under [database.limits]."""

    warn_connections_percent: Percent = 80.0
    """Used share of the connections that ordinary roles may open. Source: opsrounds' default (Zabbix's template: 90
    %)."""

    fail_connections_percent: Percent = 95.0
    """The same. Source: opsrounds' default; above it the next burst of requests is refused."""

    warn_transaction_s: Seconds = 300.0
    """Age of the oldest open or prepared transaction. Source: opsrounds' default; a web request's transaction lasts
    seconds, and an open one holds back every vacuum."""

    fail_transaction_s: Seconds = 3600.0
    """The same. Source: opsrounds' default; after an hour no web request is behind it."""

    warn_idle_in_transaction_s: Seconds = 60.0
    """Longest time idle in a transaction. Source: opsrounds' default; the application forgot it, or waits for something
    else."""

    fail_idle_in_transaction_s: Seconds = 900.0
    """The same. Source: opsrounds' default."""

    warn_lock_wait_s: Seconds = 5.0
    """Longest wait for a lock. Source: opsrounds' default, five times PostgreSQL's deadlock_timeout (1 s)."""

    fail_lock_wait_s: Seconds = 60.0
    """The same. Source: opsrounds' default; by then the requests behind it have timed out."""

    warn_xid_age_percent: Annotated[float, Field(gt=0)] = 110.0
    """Age of the oldest transaction ID as a share of `autovacuum_freeze_max_age`; of multixacts, of
    `autovacuum_multixact_freeze_max_age`. Source: PostgreSQL's manual, 24.1.5; at 100 % a forced vacuum starts by
    itself, beyond that it does not get done."""

    fail_xid_age: Annotated[int, Field(gt=0)] = 1_000_000_000
    """Age of the oldest transaction ID or multixact, in transactions. Source: Amazon RDS's early warning for
    transaction ID wraparound, half of what stops every write."""

    warn_replication_lag_s: Seconds = 60.0
    """Delay of a standby. Source: opsrounds' default; reads from the standby are older than this."""

    fail_replication_lag_s: Seconds = 600.0
    """The same. Source: Zabbix's template for PostgreSQL ({$PG.REPL_LAG.MAX.WARN})."""

    warn_replication_lag_mb: Annotated[float, Field(gt=0)] = 256.0
    """WAL that a standby has still to replay. Source: opsrounds' default, 16 WAL segments of 16 MB."""

    fail_replication_lag_mb: Annotated[float, Field(gt=0)] = 4096.0
    """The same. Source: opsrounds' default."""

    warn_slot_retained_mb: Annotated[float, Field(gt=0)] = 1024.0
    """WAL that an unused replication slot holds back. Source: PostgreSQL's default max_wal_size; more is WAL that
    nothing else needs."""

    fail_slot_retained_mb: Annotated[float, Field(gt=0)] = 16384.0
    """The same. Source: opsrounds' default; an unused slot fills the disk in the end (max_slot_wal_keep_size is
    unlimited)."""

    warn_dead_rows_percent: Percent = 20.0
    """Dead rows of a table as a share of its rows. Source: PostgreSQL's autovacuum_vacuum_scale_factor (0.2);
    autovacuum should have come before this."""

    min_dead_rows: Annotated[int, Field(ge=0)] = 10_000
    """Tables with fewer dead rows are not judged. Source: opsrounds' default; fewer cost nothing, whatever their
    share."""

    min_cache_hit_percent: Percent = 90.0
    """Share of block reads answered from shared buffers; below it the cache is WARN. Source: Zabbix's template for
    PostgreSQL ({$PG.CACHE_HITRATIO.MIN.WARN})."""

    min_cache_reads: Annotated[int, Field(ge=1)] = 10_000
    """With fewer block reads since the last reset the cache is SKIPPED. Source: opsrounds' default; of fewer reads a
    share says nothing."""

    warn_size_gb: Annotated[float, Field(gt=0)] | None = None
    """Size of the database in GB (10⁹ bytes). Without it and `fail_size_gb` the size is shown, not judged. Source:
    yours, what the disk or the contract allows."""

    fail_size_gb: Annotated[float, Field(gt=0)] | None = None
    """The same. Source: yours."""

    @model_validator(mode="after")
    def _warns_before_it_fails(self) -> Self:
        check_order(self)
        return self
