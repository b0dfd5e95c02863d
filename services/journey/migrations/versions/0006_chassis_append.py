from alembic import op

from carejourney.chassis_schema import upgrade_v4

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    for statement in upgrade_v4("journey"):
        op.execute(statement)
