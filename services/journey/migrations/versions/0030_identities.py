from alembic import op

revision = "0030"
down_revision = "0021"

STATEMENTS = (
    """
    create table identity_links (
      subject uuid primary key,
      state bytea not null,
      authority text not null,
      identities_digest text
    )
    """,
    "create index on identity_links using gin (string_to_array(identities_digest, ' '))",
    "create index on identity_links (authority)",
    "grant select, insert, update, delete on identity_links to journey",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
