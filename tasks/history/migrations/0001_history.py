"""Runs, check results and evidence: append-only, chained for each service."""

import sqlalchemy as sa
from alembic import op

from tasks.history.engine import UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "services",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column(
            "sequence",
            sa.Integer(),
            nullable=False,
            comment="chain length: this row is the chain's locked head",
        ),
        sa.Column("chained", sa.String(length=64), nullable=False, comment="hash of the last run, or of nothing"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_services")),
        sa.UniqueConstraint("name", name=op.f("uq_services_name")),
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("service_id", sa.Integer(), nullable=False),
        sa.Column("flow", sa.String(length=60), nullable=False),
        sa.Column("period", sa.String(length=20), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("trigger", sa.String(length=10), nullable=False),
        sa.Column("verdict", sa.String(length=20), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False, comment="place in the service's chain, from 1"),
        sa.Column("report", sa.Text(), nullable=False, comment="canonical JSON; Text because JSONB rewrites numbers"),
        sa.Column("digest", sa.String(length=64), nullable=False, comment="SHA-256 of report"),
        sa.Column(
            "chained",
            sa.String(length=64),
            nullable=False,
            comment="SHA-256 of the previous chained hash and digest",
        ),
        sa.ForeignKeyConstraint(["service_id"], ["services.id"], name=op.f("fk_runs_service_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
        sa.UniqueConstraint(
            "service_id", "flow", "period", "revision", name=op.f("uq_runs_service_id_flow_period_revision")
        ),
        sa.UniqueConstraint("service_id", "sequence", name=op.f("uq_runs_service_id_sequence")),
    )
    op.create_index(
        "uq_runs_scheduled",
        "runs",
        ["service_id", "flow", "period"],
        unique=True,
        sqlite_where=sa.text("\"trigger\" = 'schedule'"),
        postgresql_where=sa.text("\"trigger\" = 'schedule'"),
    )
    op.create_table(
        "check_results",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False, comment="place in the report, from 0"),
        sa.Column("check_id", sa.String(length=80), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("observed_at", UtcDateTime(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False, comment="canonical JSON of the result without its evidence"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_check_results_run_id")),
        sa.PrimaryKeyConstraint("run_id", "position", name=op.f("pk_check_results")),
    )
    op.create_index(
        op.f("ix_check_results_check_id_observed_at"),
        "check_results",
        ["check_id", "observed_at"],
        unique=False,
    )
    op.create_table(
        "evidence",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("item", sa.Integer(), nullable=False, comment="place among the result's evidence, from 0"),
        sa.Column("content", sa.Text(), nullable=False, comment="canonical JSON"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_evidence_run_id")),
        sa.PrimaryKeyConstraint("run_id", "position", "item", name=op.f("pk_evidence")),
    )
    for table in ("runs", "check_results", "evidence"):
        _append_only(table)


def _append_only(table: str) -> None:
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
