from alembic import op

from carejourney.feed.schema import upgrade_v1

revision = "0020"
down_revision = "0007"


def upgrade() -> None:
    for statement in upgrade_v1("education"):
        op.execute(statement)
