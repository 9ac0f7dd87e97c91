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
    """opsrounds' default: 80 % of the connections that ordinary roles may open (Zabbix's template: 90 %)."""

    fail_connections_percent: Percent = 95.0
    """Above it the next burst of requests is refused; opsrounds' default."""

    warn_transaction_s: Seconds = 300.0
    """opsrounds' default: a web request's transaction lasts seconds, and an open one holds back every vacuum."""

    fail_transaction_s: Seconds = 3600.0
    """opsrounds' default: after an hour no web request is behind it."""

    warn_idle_in_transaction_s: Seconds = 60.0
    """opsrounds' default: idle in a transaction means that the application forgot it or waits for something else."""

    fail_idle_in_transaction_s: Seconds = 900.0
    """opsrounds' default."""

    warn_lock_wait_s: Seconds = 5.0
    """opsrounds' default: five times PostgreSQL's deadlock_timeout (1 s), after which a wait is worth a log line."""

    fail_lock_wait_s: Seconds = 60.0
    """opsrounds' default: by then the requests behind it have timed out."""

    warn_xid_age_percent: Annotated[float, Field(gt=0)] = 110.0
    """Share of autovacuum_freeze_max_age (multixacts: autovacuum_multixact_freeze_max_age). At 100 % PostgreSQL
    starts a forced vacuum by itself (its manual, 24.1.5); beyond that the vacuum does not get done."""

    fail_xid_age: Annotated[int, Field(gt=0)] = 1_000_000_000
    """Amazon RDS's early warning for transaction ID wraparound: one billion, half of what stops every write."""

    warn_replication_lag_s: Seconds = 60.0
    """opsrounds' default; reads from a standby are older than this."""

    fail_replication_lag_s: Seconds = 600.0
    """Zabbix's template for PostgreSQL: 10 minutes ({$PG.REPL_LAG.MAX.WARN})."""

    warn_replication_lag_mb: Annotated[float, Field(gt=0)] = 256.0
    """opsrounds' default: 16 WAL segments of 16 MB."""

    fail_replication_lag_mb: Annotated[float, Field(gt=0)] = 4096.0
    """opsrounds' default."""

    warn_slot_retained_mb: Annotated[float, Field(gt=0)] = 1024.0
    """PostgreSQL's default max_wal_size: an unused slot that holds back more keeps WAL that nothing else needs."""

    fail_slot_retained_mb: Annotated[float, Field(gt=0)] = 16384.0
    """opsrounds' default: an unused slot fills the disk in the end (max_slot_wal_keep_size is unlimited)."""

    warn_dead_rows_percent: Percent = 20.0
    """PostgreSQL's autovacuum_vacuum_scale_factor (0.2): autovacuum should have come before this."""

    min_dead_rows: Annotated[int, Field(ge=0)] = 10_000
    """opsrounds' default: fewer dead rows cost nothing, whatever their share."""

    min_cache_hit_percent: Percent = 90.0
    """Zabbix's template for PostgreSQL: 90 % ({$PG.CACHE_HITRATIO.MIN.WARN})."""

    min_cache_reads: Annotated[int, Field(ge=1)] = 10_000
    """opsrounds' default: below this many block reads since the last reset a ratio means nothing."""

    warn_size_gb: Annotated[float, Field(gt=0)] | None = None
    """Yours: what the disk or the contract allows. Without it the size is shown, not judged."""

    fail_size_gb: Annotated[float, Field(gt=0)] | None = None
    """Yours, as warn_size_gb."""

    @model_validator(mode="after")
    def _warns_before_it_fails(self) -> Self:
        check_order(self)
        return self
