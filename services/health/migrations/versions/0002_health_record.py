from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute(
        """
        create table health_record (
          subject uuid primary key,
          state bytea not null,
          authority text not null,
          in_care boolean not null,
          entered_on date,
          on_or_before boolean not null,
          due_on date,
          due_on_or_before boolean not null,
          met_on date,
          due_state text check (due_state in ('open', 'met', 'met_late', 'ended')),
          registration_to_check_since date,
          last_assessed_on date,
          turned_eighteen_on date,
          outcomes_year integer,
          sdq_score integer,
          sdq_reason text,
          health_check boolean,
          immunisations boolean,
          teeth_check boolean,
          health_assessment boolean,
          check ((due_state is null) = (due_on is null))
        )
        """
    )
    op.execute("create index health_record_by_due_date on health_record (authority, due_on) where in_care")
    op.execute("grant select, insert, update, delete on health_record to health")
