from alembic import op

from carejourney.stated import upgrade_stated

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    for statement in upgrade_stated("planning"):
        op.execute(statement)
