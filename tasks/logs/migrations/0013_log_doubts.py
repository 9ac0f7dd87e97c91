"""What log lines leave open: wordings of errors whose text varies, lines that may hold a request."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "error_wordings",
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column(
            "wording", sa.String(16), nullable=False, comment="of a text that varies: the start of its fingerprint"
        ),
        sa.ForeignKeyConstraint(["group_id"], ["error_groups.id"], name=op.f("fk_error_wordings_group_id")),
        sa.PrimaryKeyConstraint("group_id", "wording", name=op.f("pk_error_wordings")),
        sqlite_with_rowid=False,
    )
    unseen = "wordings of a varying text that had not been seen before; null: not counted"
    op.add_column("error_hours", sa.Column("unseen", sa.Integer(), comment=unseen))
    for name, comment in (
        ("torn", "of the malformed lines: those that may hold a request"),
        ("unanswered", "lines of requests whose status cannot be read"),
        ("bad", "of the requests: with a status from 500 on"),
        ("aborted", "lines of requests whose client left before an answer (status 0)"),
    ):
        op.add_column("log_hours", sa.Column(name, sa.BigInteger(), comment=comment))
