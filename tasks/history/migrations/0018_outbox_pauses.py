"""The outbox: how long a recipient gets no further message."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "outbox_pauses",
        sa.Column("service_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column(
            "until",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="no message to this recipient is taken before",
        ),
        sa.ForeignKeyConstraint(["service_id"], ["services.id"], name=op.f("fk_outbox_pauses_service_id")),
        sa.PrimaryKeyConstraint("service_id", "channel", "recipient", name=op.f("pk_outbox_pauses")),
    )
