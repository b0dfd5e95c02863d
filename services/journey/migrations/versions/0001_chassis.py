from alembic import op

from carejourney.chassis_schema import upgrade_v1

revision = "0001"
down_revision = None


def upgrade() -> None:
    for statement in upgrade_v1("journey"):
        op.execute(statement)
