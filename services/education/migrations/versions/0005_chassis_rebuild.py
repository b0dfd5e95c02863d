from alembic import op

from carejourney.chassis_schema import upgrade_v3

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    for statement in upgrade_v3("education"):
        op.execute(statement)
