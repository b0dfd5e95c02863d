from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute(
        """
        create table birthdays (
          subject uuid primary key,
          state bytea not null,
          authority text not null,
          in_care boolean not null,
          left_on date,
          died boolean not null,
          in_care_at_sixteen_or_after boolean not null,
          care_leaver boolean not null,
          turned_sixteen_on date,
          turned_eighteen_on date,
          turned_twenty_one_on date,
          turned_twenty_five_on date,
          outcomes_year integer,
          in_touch text,
          activity text,
          accommodation text,
          check (not care_leaver or in_care_at_sixteen_or_after)
        )
        """
    )
    op.execute("create index birthdays_of_leavers on birthdays (authority) where care_leaver")
    op.execute("grant select, insert, update, delete on birthdays to leaving_care")
