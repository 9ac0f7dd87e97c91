"""The outbox: any channel, and a recipient as that channel calls one."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("outbox") as table:
        table.alter_column(
            "channel",
            existing_type=sa.String(length=20),
            type_=sa.Text(),
            existing_nullable=False,
            comment="a name that the sending side knows",
        )
        table.alter_column(
            "recipient",
            existing_type=sa.String(length=320),
            type_=sa.Text(),
            existing_nullable=False,
            comment="as its channel calls one: a mail address",
        )
