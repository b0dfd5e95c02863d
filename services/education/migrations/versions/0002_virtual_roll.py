from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute(
        """
        create table virtual_roll (
          subject uuid primary key,
          state bytea not null,
          authority text not null,
          local_id text,
          local_id_digest text,
          upn text,
          upn_digest text,
          in_care boolean not null,
          entered_on date not null,
          on_or_before boolean not null,
          left_on date,
          last_moved_on date,
          out_of_area boolean,
          missing_now boolean not null,
          turned_eighteen boolean not null
        )
        """
    )
    op.execute("create index virtual_roll_by_authority on virtual_roll (authority, in_care)")
    op.execute("grant select, insert, update, delete on virtual_roll to education")
