from alembic import op

from carejourney.chassis_schema import upgrade_v5

revision = "0040"
down_revision = "0021"


def upgrade() -> None:
    for statement in upgrade_v5("planning"):
        op.execute(statement)
