from alembic import op

from carejourney.chassis_schema import upgrade_v2

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    for statement in upgrade_v2("placement"):
        op.execute(statement)
