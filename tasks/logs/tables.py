"""What the logs add up to: counts by minute and hour, errors, and how far each file was read."""

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import BigInteger

from tasks.history.engine import UtcDateTime, metadata

log_sources = Table(
    "log_sources",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("service_id", ForeignKey("services.id"), nullable=False),
    Column("name", String(40), nullable=False),
    Column("synthetic", Boolean, nullable=False, comment="generated lines"),
    Column("version", Integer, nullable=False, comment="counts the commits: a writer that is behind is refused"),
    Column("newest_minute", Integer, nullable=False, comment="of the newest line; 0 for none"),
    Column("cursor", LargeBinary, nullable=False, comment="of a command or Loki: how far it was read"),
    UniqueConstraint("service_id", "name"),
)

log_files = Table(
    "log_files",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("source_id", ForeignKey("log_sources.id"), nullable=False, index=True),
    Column("path", Text, nullable=False, comment="where it was seen last"),
    Column("head", LargeBinary, nullable=False, comment="hash of its first bytes: what it is, whatever its name"),
    Column("head_length", Integer, nullable=False),
    Column("tail", LargeBinary, nullable=False, comment="hash of the bytes before position"),
    Column("position", BigInteger, nullable=False, comment="bytes read, of a packed file unpacked ones"),
    Column("device", BigInteger, nullable=False),
    Column("inode", String(20), nullable=False, comment="up to 64 bits without sign"),
    Column("size", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("complete", Boolean, nullable=False, comment="read to its end at this size and time"),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("problem", Text, nullable=False, comment="why a packed file could not be unpacked whole"),
)

log_hours = Table(
    "log_hours",
    metadata,
    Column("source_id", ForeignKey("log_sources.id"), primary_key=True),
    Column("hour", Integer, primary_key=True, comment="hours since 1970, UTC"),
    *(
        Column(name, BigInteger, nullable=False)
        for name in ("lines", "parsed", "malformed", "ignored", "undated", "drifted", "requests", "timed", "crowded")
    ),
    # Null: not counted when the hour was read.
    *(Column(name, BigInteger) for name in ("levelled", "odd_levels", "misdated", "hole_bytes", "lost_bytes")),
    Column("torn", BigInteger, comment="of the malformed lines: those that may hold a request"),
    Column("unanswered", BigInteger, comment="lines of requests whose status cannot be read"),
    Column("bad", BigInteger, comment="of the requests: with a status from 500 on"),
    Column("aborted", BigInteger, comment="lines of requests whose client left before an answer (status 0)"),
)

log_levels = Table(
    "log_levels",
    metadata,
    Column("source_id", ForeignKey("log_sources.id"), primary_key=True),
    Column("hour", Integer, primary_key=True, comment="hours since 1970, UTC"),
    Column("level", String(20), primary_key=True, comment="one that nobody knows, masked; empty for any further"),
    Column("lines", BigInteger, nullable=False),
)

log_fields = Table(
    "log_fields",
    metadata,
    Column("source_id", ForeignKey("log_sources.id"), primary_key=True),
    Column("hour", Integer, primary_key=True, comment="hours since 1970, UTC"),
    Column("field", String(20), primary_key=True, comment="a mapped field; empty for all lines that were looked at"),
    Column("lines", BigInteger, nullable=False, comment="looked at lines that held it"),
)

malformed_lines = Table(
    "malformed_lines",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("source_id", ForeignKey("log_sources.id"), nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("text", Text, nullable=False, comment="a sample: bounded and masked"),
    Index(None, "source_id", "seen_at"),
)

latency_bounds = Table(
    "latency_bounds",
    metadata,
    Column("id", Integer, primary_key=True),
    *(Column(f"bound_{place}_ms", Float) for place in (1, 2, 3, 4)),
)

traffic_series = Table(
    "traffic_series",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("service_id", ForeignKey("services.id"), nullable=False),
    Column("module", String(80), nullable=False),
    Column("route", String(250), nullable=False),
    UniqueConstraint("service_id", "module", "route"),
)

traffic_minutes = Table(
    "traffic_minutes",
    metadata,
    Column("series_id", ForeignKey("traffic_series.id"), primary_key=True),
    Column("minute", Integer, primary_key=True, comment="minutes since 1970, UTC"),
    Column("valid", Integer, nullable=False, comment="requests"),
    Column("bad", Integer, nullable=False, comment="of them with a status from 500 on"),
    Column("timed", Integer, nullable=False, comment="of them with a duration"),
    Column("bounds_id", ForeignKey("latency_bounds.id"), nullable=False),
    *(
        Column(f"within_{place}", Integer, comment="timed requests at or under the bound; null: not counted")
        for place in (1, 2, 3, 4)
    ),
    Column("sketch", LargeBinary, comment="latencies of the timed requests"),
    sqlite_with_rowid=False,
)

traffic_hours = Table(
    "traffic_hours",
    metadata,
    Column("series_id", ForeignKey("traffic_series.id"), primary_key=True),
    Column("minute", Integer, primary_key=True, comment="the hour's first one: minutes since 1970, UTC"),
    Column("bounds_id", ForeignKey("latency_bounds.id"), primary_key=True),
    Column("valid", BigInteger, nullable=False, comment="requests"),
    Column("bad", BigInteger, nullable=False, comment="of them with a status from 500 on"),
    Column("timed", BigInteger, nullable=False, comment="of them with a duration"),
    Column("compared", BigInteger, nullable=False, comment="of these: counted at the bounds"),
    *(
        Column(f"within_{place}", BigInteger, comment="compared requests at or under the bound")
        for place in (1, 2, 3, 4)
    ),
    Column(
        "busy", BigInteger, nullable=False, comment="a bit for each minute that had a request, the first the lowest"
    ),
    Column("sketch", LargeBinary, comment="latencies of the timed requests"),
    sqlite_with_rowid=False,
)

log_modules = Table(
    "log_modules",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("service_id", ForeignKey("services.id"), nullable=False),
    Column("module", String(80), nullable=False),
    UniqueConstraint("service_id", "module"),
)

module_hours = Table(
    "module_hours",
    metadata,
    Column("module_id", ForeignKey("log_modules.id"), primary_key=True),
    Column("hour", Integer, primary_key=True, comment="hours since 1970, UTC"),
    *(
        Column(name, BigInteger, nullable=False)
        for name in ("lines", "errors", "warnings", "unauthorized", "forbidden")
    ),
)

personal_data_hours = Table(
    "personal_data_hours",
    metadata,
    Column("module_id", ForeignKey("log_modules.id"), primary_key=True),
    Column("hour", Integer, primary_key=True),
    Column("kind", String(20), primary_key=True),
    Column("lines", BigInteger, nullable=False),
)

error_groups = Table(
    "error_groups",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("service_id", ForeignKey("services.id"), nullable=False),
    Column("fingerprint", String(32), nullable=False),
    Column("module", String(80), nullable=False),
    Column("name", String(80), nullable=False),
    Column("message", Text, nullable=False, comment="with what varies left out"),
    Column("frame", Text, nullable=False),
    Column("exemplar", Text, nullable=False, comment="JSON of one line: bounded and masked"),
    Column("first_seen", UtcDateTime),
    Column("last_seen", UtcDateTime),
    Column("first_release", String(80), nullable=False),
    Column("last_release", String(80), nullable=False),
    Column("state", String(10), nullable=False, comment="open, resolved or ignored, as a person said"),
    Column("resolved_at", UtcDateTime),
    Column("resolved_release", String(80), nullable=False),
    Column("assignee", String(80), nullable=False),
    UniqueConstraint("service_id", "fingerprint"),
    Index(None, "service_id", "module", "name"),
)

error_hours = Table(
    "error_hours",
    metadata,
    Column("group_id", ForeignKey("error_groups.id"), primary_key=True),
    Column("hour", Integer, primary_key=True),
    Column("lines", BigInteger, nullable=False),
    Column("unseen", Integer, comment="wordings of a varying text that had not been seen before; null: not counted"),
)

error_wordings = Table(
    "error_wordings",
    metadata,
    Column("group_id", ForeignKey("error_groups.id"), primary_key=True),
    Column("wording", String(16), primary_key=True, comment="of a text that varies: the start of its fingerprint"),
    sqlite_with_rowid=False,
)

error_decisions = Table(
    "error_decisions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("group_id", ForeignKey("error_groups.id"), nullable=False, index=True),
    Column("decided_at", UtcDateTime, nullable=False),
    Column("decided_by", String(80), nullable=False),
    Column("action", String(10), nullable=False),
    Column("detail", Text, nullable=False),
)
