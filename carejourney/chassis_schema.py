"""The tables every service has: its own facts, its copy of what it listens to, and how far it has come.

Each constant is the text of one migration and never changes once released; a later change is a new constant.
"""

from typing import Final

PARTITIONS: Final = 8

V1: Final = """
create table stream (
  subject uuid primary key,
  version integer not null default 0,
  computed_version integer not null default 0,
  topic_versions jsonb not null default '{}'
);

create table fact (
  position bigint generated always as identity,
  transaction_id xid8 not null default pg_current_xact_id(),
  id uuid not null,
  subject uuid not null,
  stream text not null check (stream in ('record', 'computed')),
  version integer not null check (version > 0),
  topic text not null,
  topic_version integer not null check (topic_version > 0),
  recorded_at timestamptz not null,
  headers bytea not null,
  payload bytea not null,
  primary key (subject, stream, version),
  unique (subject, topic, topic_version)
) partition by hash (subject);
create index fact_in_commit_order on fact (transaction_id, position);

create table command (
  id uuid primary key,
  subject uuid not null,
  answered_at timestamptz not null default now(),
  answer bytea not null
);

create table relay_mark (
  singleton boolean primary key default true check (singleton),
  transaction_id xid8 not null default '0',
  position bigint not null default 0,
  relayed bigint not null default 0,
  moved_at timestamptz not null default now()
);
insert into relay_mark default values;

create table received (
  arrival bigint generated always as identity,
  subject uuid not null,
  topic text not null,
  topic_version integer not null,
  id uuid not null,
  type text not null,
  authority text not null,
  headers bytea not null,
  payload bytea not null,
  primary key (subject, topic, topic_version)
) partition by hash (subject);
create index received_in_order_of_arrival on received (arrival);

create table lane (
  subject uuid not null,
  topic text not null,
  version integer not null,
  authority text not null,
  primary key (subject, topic)
);

create table parked (
  projection text not null,
  subject uuid not null,
  topic text not null,
  fact uuid,
  reason text not null,
  parked_at timestamptz not null default now(),
  primary key (projection, subject, topic)
);

create table checkpoint (
  topic text not null,
  partition integer not null,
  next_offset bigint not null,
  last_id uuid,
  epoch bigint not null default 0,
  applied bigint not null default 0,
  moved_at timestamptz not null default now(),
  primary key (topic, partition)
);

create table unreadable (
  topic text not null,
  partition integer not null,
  record_offset bigint not null,
  reason text not null,
  found_at timestamptz not null default now(),
  primary key (topic, partition, record_offset)
);

create table timer (
  subject uuid not null,
  name text not null,
  due_at timestamptz not null,
  primary key (subject, name)
);
create index timer_by_due_time on timer (due_at);
"""


def upgrade_v1(role: str) -> list[str]:
    """Statements that make the tables and grant the application role what it needs: facts can only be added."""
    partitions = [
        f"create table {table}_{n} partition of {table} for values with (modulus {PARTITIONS}, remainder {n})"
        for table in ("fact", "received")
        for n in range(PARTITIONS)
    ]
    grants = [
        f'grant usage on schema public to "{role}"',
        f"do $$ begin execute format('grant temporary on database %I to %I', current_database(), '{role}'); end $$",
        f'grant select, insert on fact, received, command to "{role}"',
        f'grant select, insert, update on stream, lane, checkpoint to "{role}"',
        f'grant select, update on relay_mark to "{role}"',
        f'grant select, insert, update, delete on parked, timer to "{role}"',
        f'grant select, insert on unreadable to "{role}"',
    ]
    return [*(s for s in V1.split(";\n") if s.strip()), *partitions, *grants]
