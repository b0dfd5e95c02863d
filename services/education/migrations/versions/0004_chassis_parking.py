from alembic import op

from carejourney.chassis_schema import upgrade_v2

revision = "0004"
down_revision = "0002"


def upgrade() -> None:
    for statement in upgrade_v2("education"):
        op.execute(statement)
