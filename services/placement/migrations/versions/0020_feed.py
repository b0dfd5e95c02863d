from alembic import op

from carejourney.feed.schema import upgrade_v1

revision = "0020"
down_revision = "0008"


def upgrade() -> None:
    for statement in upgrade_v1("placement"):
        op.execute(statement)
