from alembic import op

from carejourney.feed.schema import upgrade_v1

revision = "0020"
down_revision = "0006"


def upgrade() -> None:
    for statement in upgrade_v1("journey"):
        op.execute(statement)
