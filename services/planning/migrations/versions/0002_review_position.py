from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute(
        """
        create table review_position (
          subject uuid primary key,
          state bytea not null,
          authority text not null,
          in_care boolean not null,
          entered_on date,
          on_or_before boolean not null,
          last_review_on date,
          participation text,
          first_review_due_on date,
          first_review_due_on_or_before boolean not null,
          first_review_met_on date,
          first_review_state text check (first_review_state in ('open', 'met', 'met_late', 'ended')),
          open_duty text,
          open_since date,
          open_due_on date,
          open_due_on_or_before boolean not null,
          visits_from date,
          missing_now boolean not null,
          missing_since date,
          worker uuid,
          worker_since date,
          check ((open_duty is null) = (open_due_on is null))
        )
        """
    )
    op.execute("create index review_position_by_due_date on review_position (authority, open_due_on)")
    op.execute("grant select, insert, update, delete on review_position to planning")
