"""The tables of webhooks: who wants what and where, how far each topic was read, and lanes that lag behind.

A lane that lags is one row: the child's facts of a topic from `version` to `until_version` are still to be sent. They
are read from the store when their turn comes; nothing of a fact is kept here.
"""

from typing import Final

WEBHOOKS: Final = """
create table webhook (
  id uuid primary key,
  consumer text not null,
  url text not null,
  types text[] not null,
  roles text[] not null,
  authorities text[] not null,
  asked text not null,
  registered_at timestamptz not null,
  secret uuid not null,
  earlier_secret uuid,
  earlier_until timestamptz,
  state text not null default 'active' check (state in ('active', 'paused', 'disabled')),
  why text,
  changed_at timestamptz not null,
  failures integer not null default 0,
  failing_since timestamptz,
  retry_at timestamptz
);
create index webhook_by_consumer on webhook (consumer);

create table webhook_topic (
  webhook uuid not null references webhook on delete cascade,
  topic text not null,
  transaction_id xid8 not null,
  position bigint not null,
  fact uuid,
  highest bigint,
  primary key (webhook, topic)
);

create table webhook_lane (
  webhook uuid not null references webhook on delete cascade,
  topic text not null,
  subject uuid not null,
  version integer not null,
  until_version integer not null,
  waits_since timestamptz not null,
  attempts integer not null default 0,
  due_at timestamptz not null,
  fault text,
  parked_at timestamptz,
  primary key (webhook, topic, subject)
);
create index webhook_lane_by_due_time on webhook_lane (webhook, due_at) where parked_at is null
"""


def upgrade_webhooks(role: str) -> list[str]:
    """Statements that make the tables and let the application role work with them."""
    grant = f'grant select, insert, update, delete on webhook, webhook_topic, webhook_lane to "{role}"'
    return [*(s for s in WEBHOOKS.split(";\n") if s.strip()), grant]
