"""Tables of the history: runs and what they found (append-only, chained), the outbox, and what is kept from when on."""

from sqlalchemy import JSON, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from tasks.history.engine import UtcDateTime, metadata

services = Table(
    "services",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(40), nullable=False, unique=True),
    Column("sequence", Integer, nullable=False, comment="chain length: this row is the chain's locked head"),
    Column("chained", String(64), nullable=False, comment="hash of the last run, or of nothing"),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("service_id", ForeignKey("services.id"), nullable=False),
    Column("flow", String(60), nullable=False),
    Column("period", String(20), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("trigger", String(10), nullable=False),
    Column("verdict", String(20), nullable=False),
    Column("finished_at", UtcDateTime, nullable=False),
    Column("sequence", Integer, nullable=False, comment="place in the service's chain, from 1"),
    Column("report", Text, nullable=False, comment="canonical JSON; Text because JSONB rewrites numbers"),
    Column("digest", String(64), nullable=False, comment="SHA-256 of report"),
    Column("chained", String(64), nullable=False, comment="SHA-256 of the previous chained hash and digest"),
    UniqueConstraint("service_id", "flow", "period", "revision"),
    UniqueConstraint("service_id", "sequence"),
)
Index(
    "uq_runs_scheduled",
    runs.c.service_id,
    runs.c.flow,
    runs.c.period,
    unique=True,
    sqlite_where=runs.c.trigger == "schedule",
    postgresql_where=runs.c.trigger == "schedule",
)

check_results = Table(
    "check_results",
    metadata,
    Column("run_id", ForeignKey("runs.id"), primary_key=True),
    Column("position", Integer, primary_key=True, comment="place in the report, from 0"),
    Column("check_id", String(80), nullable=False),
    Column("subject", Text, nullable=False),
    Column("status", String(10), nullable=False),
    Column("severity", Integer, nullable=False),
    Column("observed_at", UtcDateTime, nullable=False),
    Column("result", Text, nullable=False, comment="canonical JSON of the result without its evidence"),
    Index(None, "check_id", "observed_at"),
)

evidence = Table(
    "evidence",
    metadata,
    Column("run_id", ForeignKey("runs.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("item", Integer, primary_key=True, comment="place among the result's evidence, from 0"),
    Column("content", Text, nullable=False, comment="canonical JSON"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("service_id", ForeignKey("services.id"), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("dedupe_key", String(200), nullable=False, unique=True),
    Column("channel", Text, nullable=False, comment="a name that the sending side knows"),
    Column("recipient", Text, nullable=False, comment="as its channel calls one: a mail address"),
    Column("locale", String(10), nullable=False),
    Column("payload", JSON, nullable=False, comment="parameters to render from, never rendered bytes"),
    Column("created_at", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("state", String(10), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("lease", String(36)),
    Column("leased_until", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Column("answer", Text, nullable=False, comment="the server's last words, or why it was not sent"),
    Index(None, "service_id", "state", "due_at"),
)

outbox_pauses = Table(
    "outbox_pauses",
    metadata,
    Column("service_id", ForeignKey("services.id"), primary_key=True, autoincrement=False),
    Column("channel", Text, primary_key=True),
    Column("recipient", Text, primary_key=True),
    Column("until", UtcDateTime, nullable=False, comment="no message to this recipient is taken before"),
)

kept_from = Table(
    "kept_from",
    metadata,
    Column("service_id", ForeignKey("services.id"), primary_key=True, autoincrement=False),
    Column("what", String(10), primary_key=True, comment="minutes or hours"),
    Column("minute", Integer, nullable=False, comment="nothing before may be relied on: minutes since 1970, UTC"),
)
