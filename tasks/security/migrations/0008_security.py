"""Security scans and findings."""

import sqlalchemy as sa
from alembic import op

from tasks.history.engine import UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "security_scans",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("service_id", sa.Integer(), nullable=False),
        sa.Column("scanner", sa.String(length=40), nullable=False),
        sa.Column("target", sa.String(length=300), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False, comment="of the round, the same for all targets of a kind"),
        sa.Column("scanned_at", UtcDateTime(), nullable=False, comment="earlier where nothing had changed since"),
        sa.Column("version", sa.String(length=40), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("completeness", sa.String(length=10), nullable=False, comment="complete, partial or failed"),
        sa.Column("digest", sa.String(length=64), nullable=False, comment="of all that the result rests on"),
        sa.Column("facts", sa.Text(), nullable=False, comment="canonical JSON: reason, coverage, feed, suppressed"),
        sa.ForeignKeyConstraint(["service_id"], ["services.id"], name=op.f("fk_security_scans_service_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_security_scans")),
        sa.UniqueConstraint(
            "service_id", "scanner", "target", "at", name=op.f("uq_security_scans_service_id_scanner_target_at")
        ),
    )
    op.create_table(
        "security_findings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("service_id", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False, comment="its first key: what people call it"),
        sa.Column(
            "key", sa.String(length=64), nullable=False, comment="by which scans recognise it; changes when it moves"
        ),
        sa.Column("scanner", sa.String(length=40), nullable=False),
        sa.Column("target", sa.String(length=300), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False, comment="as its newest event says"),
        sa.Column("first_seen", UtcDateTime(), nullable=False),
        sa.Column("last_seen", UtcDateTime(), nullable=False),
        sa.Column("reopened", sa.Integer(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False, comment="canonical JSON: the finding as it was last seen"),
        sa.ForeignKeyConstraint(["service_id"], ["services.id"], name=op.f("fk_security_findings_service_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_security_findings")),
        sa.UniqueConstraint("service_id", "fingerprint", name=op.f("uq_security_findings_service_id_fingerprint")),
    )
    op.create_table(
        "security_events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("finding_id", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("change", sa.String(length=10), nullable=False, comment="found, fixed, reopened, moved or merged"),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["finding_id"], ["security_findings.id"], name=op.f("fk_security_events_finding_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_security_events")),
        comment="append-only",
    )
    op.create_index("ix_security_events_finding_id", "security_events", ["finding_id"])
    _append_only("security_events")


def _append_only(table: str) -> None:
    """As the runs of a service are; a migration stands alone, so its statements are written out."""
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
        return
    op.execute(
        f"CREATE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_append_only()"
    )
