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


V2: Final = """
alter table parked add column place text;
alter table parked add column attempts integer not null default 1;
alter table parked add column tried_at timestamptz not null default now();
update parked set topic = '' where projection <> 'gap';
update parked set reason = 'gap' where projection = 'gap';
create index parked_by_child on parked (subject);
create index gap_by_last_attempt on parked (tried_at) where projection = 'gap';

alter table unreadable add column subject uuid;
alter table unreadable add column acknowledged_at timestamptz;
alter table unreadable add column acknowledged_by text;

create table conflict (
  topic text not null,
  subject uuid not null,
  topic_version integer not null,
  digest bytea not null,
  fact uuid not null,
  kept uuid not null,
  partition integer,
  record_offset bigint,
  found_at timestamptz not null default now(),
  acknowledged_at timestamptz,
  acknowledged_by text,
  primary key (topic, subject, topic_version, digest)
);

create table unknown_kind (
  schema text primary key,
  facts bigint not null,
  first_at timestamptz not null default now(),
  last_at timestamptz not null default now()
);

create table redrive (
  id uuid primary key,
  at timestamptz not null default now(),
  actor text not null,
  role text not null,
  selection jsonb not null,
  dry_run boolean not null,
  lanes integer not null default 0,
  done integer not null default 0,
  still_parked integer not null default 0,
  ended_at timestamptz
);
create index redrive_by_time on redrive (at)
"""


def upgrade_v2(role: str) -> list[str]:
    """What is known of a parked lane, of records that contradict each other, and who had lanes tried again."""
    grants = [
        f'grant update (acknowledged_at, acknowledged_by) on unreadable to "{role}"',
        f'grant select, insert on conflict to "{role}"',
        f'grant update (acknowledged_at, acknowledged_by) on conflict to "{role}"',
        f'grant select, insert, update on unknown_kind, redrive to "{role}"',
    ]
    return [*(s for s in V2.split(";\n") if s.strip()), *grants]


V3: Final = """
alter table relay_mark add column again jsonb not null default '{}';

create table relayed (
  topic text not null,
  partition integer not null,
  begin_offset bigint not null default 0,
  record_offset bigint not null,
  fact uuid,
  primary key (topic, partition)
);

create table republication (
  number bigint generated always as identity primary key,
  topic text not null,
  asked_by text not null,
  reason text not null,
  asked_at timestamptz not null default now(),
  ended_at timestamptz
);
create unique index republication_under_way on republication (topic) where ended_at is null;

create schema rebuild;

create table rebuild_run (
  projection text primary key,
  run text not null,
  definition text not null,
  begun bigint not null,
  last_subject uuid not null default '00000000-0000-0000-0000-000000000000',
  subjects bigint not null default 0,
  parked jsonb not null default '{}',
  started_at timestamptz not null default now(),
  moved_at timestamptz not null default now()
);

create table rebuild_kept (
  projection text primary key,
  run text not null,
  arrival bigint not null,
  parked jsonb not null,
  switched_at timestamptz not null default now()
);
"""


def upgrade_v3(role: str) -> list[str]:
    """What relay and rebuild remember: where each partition ended, what is published again, runs and kept rows."""
    grants = [
        f'grant select, insert, update, delete on relayed, rebuild_run, rebuild_kept to "{role}"',
        f'grant select, insert, update on republication to "{role}"',
        f'grant usage, create on schema rebuild to "{role}"',
    ]
    return [*(s for s in V3.split(";\n") if s.strip()), *grants]


V4: Final = """
create function append_facts(
  for_command uuid, for_subject uuid, expected integer, seen integer, at timestamptz,
  ids uuid[], streams text[], topics text[], heads bytea[], tails bytea[], payloads bytea[],
  answer_head bytea, answer_tail bytea,
  out outcome text, out reached integer, out answer bytea
) language plpgsql security invoker as $$
declare
  known stream%rowtype;
  counted integer;
  computed integer;
  said integer := cardinality(ids);
begin
  select * into known from stream where subject = for_subject for update;
  if not found then
    insert into stream (subject) values (for_subject) on conflict do nothing returning * into known;
    if not found then
      select * into known from stream where subject = for_subject for update;
    end if;
  end if;
  if known.version <> expected or known.version + known.computed_version <> seen then
    select c.answer into answer from command c where c.id = for_command;
    outcome := case when found then 'answered' else 'moved' end;
    reached := known.version;
    return;
  end if;
  computed := cardinality(array_positions(streams, 'computed'));
  reached := known.version + said - computed;
  answer := answer_head || convert_to(reached::text, 'UTF8') || answer_tail;
  insert into command (id, subject, answer) values (for_command, for_subject, answer) on conflict do nothing;
  if not found then
    select c.answer into answer from command c where c.id = for_command;
    outcome := 'answered';
    reached := known.version;
    return;
  end if;
  for n in 1 .. said loop
    if streams[n] = 'computed' then
      known.computed_version := known.computed_version + 1;
    else
      known.version := known.version + 1;
    end if;
    counted := coalesce((known.topic_versions ->> topics[n])::integer, 0) + 1;
    known.topic_versions := known.topic_versions || jsonb_build_object(topics[n], counted);
    insert into fact (id, subject, stream, version, topic, topic_version, recorded_at, headers, payload)
    values (
      ids[n], for_subject, streams[n],
      case streams[n] when 'computed' then known.computed_version else known.version end,
      topics[n], counted, at, heads[n] || convert_to(counted::text, 'UTF8') || tails[n], payloads[n]
    );
  end loop;
  if said > 0 then
    update stream set version = known.version, computed_version = known.computed_version,
      topic_versions = known.topic_versions where subject = for_subject;
  end if;
  outcome := 'appended';
end $$
"""


def upgrade_v4(role: str) -> list[str]:
    """The append of one command in one call, with the caller's own rights: it can do no more than its grants say."""
    return [
        V4,
        "revoke execute on function append_facts from public",
        f'grant execute on function append_facts to "{role}"',
    ]


V5: Final = """
create table damage (
  topic text not null,
  partition integer not null,
  until_offset bigint not null,
  first_offset bigint not null,
  found_by text not null,
  found_at timestamptz not null default now(),
  told_at timestamptz,
  primary key (topic, partition, until_offset)
);

create table dismissed (
  subject uuid not null,
  topic text not null,
  topic_version integer not null,
  id uuid not null,
  type text not null,
  actor text not null,
  role text not null,
  reason text not null,
  at timestamptz not null default now(),
  primary key (subject, topic, topic_version, id)
);
create index dismissed_by_time on dismissed (at)
"""
TAKE_OUT: Final = """
create function take_out(for_subject uuid, on_topic text, from_version integer) returns void
language plpgsql security definer set search_path = public, pg_temp as $$
begin
  if not exists (
    select from dismissed where subject = for_subject and topic = on_topic and topic_version = from_version
  ) then
    raise exception 'nothing was dismissed here' using errcode = 'insufficient_privilege';
  end if;
  delete from received where subject = for_subject and topic = on_topic and topic_version >= from_version;
  delete from parked where projection = 'gap' and subject = for_subject and topic = on_topic;
  update lane set version = least(version, from_version - 1) where subject = for_subject and topic = on_topic;
  delete from lane where subject = for_subject and topic = on_topic and version = 0;
end $$
"""


def upgrade_v5(role: str) -> list[str]:
    """What of a log cannot be read, and facts that their owner never recorded; a copy is cut only where one was."""
    return [
        *(s for s in V5.split(";\n") if s.strip()),
        TAKE_OUT,
        "revoke execute on function take_out from public",
        f'grant execute on function take_out to "{role}"',
        f'grant select, insert, delete on damage to "{role}"',
        f'grant update (told_at) on damage to "{role}"',
        f'grant select, insert on dismissed to "{role}"',
    ]
