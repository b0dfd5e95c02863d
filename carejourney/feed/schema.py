"""The tables of what was given to whom. They name no child."""

from typing import Final

V1: Final = """
create table delivered (
  consumer text not null,
  topic text not null,
  transaction_id xid8 not null default '0',
  position bigint not null default 0,
  facts bigint not null default 0,
  first_at timestamptz not null,
  at timestamptz not null,
  primary key (consumer, topic)
);

create table delivered_type (
  consumer text not null,
  topic text not null,
  type text not null,
  facts bigint not null,
  first_at timestamptz not null,
  at timestamptz not null,
  greatest_seconds double precision not null,
  after_recorded jsonb not null,
  after_effective jsonb not null,
  primary key (consumer, topic, type)
)
"""


def upgrade_v1(role: str) -> list[str]:
    """Statements that make the tables and let the application role keep them."""
    return [
        *(s for s in V1.split(";\n") if s.strip()),
        f'grant select, insert, update on delivered, delivered_type to "{role}"',
    ]
