from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute(
        """
        create table children (
          subject uuid primary key,
          state bytea not null,
          authority text not null,
          local_id text,
          local_id_digest text,
          in_care boolean not null,
          on_or_before boolean not null,
          entered_on date,
          left_on date,
          last_event_on date
        )
        """
    )
    op.execute("create index children_by_local_id on children (local_id_digest)")
    op.execute("create index children_of_authority on children (authority, subject)")
    op.execute("grant select, insert, update, delete on children to journey")
