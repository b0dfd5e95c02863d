from alembic import op

from carejourney.webhooks.schema import upgrade_webhooks

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    for statement in upgrade_webhooks("planning"):
        op.execute(statement)
