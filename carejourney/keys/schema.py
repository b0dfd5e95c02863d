"""The tables of the key store, made and brought up to date by `carejourney provision`, again and again.

`erased` is the ledger of destroyed ids. It lies here, in a database of its own beside those of the services, and is
exported to a file that no restore of a database touches. A key in it is not made again, nor put back by a row.
"""

from collections.abc import Sequence
from typing import Final

import asyncpg

ERASER: Final = "placement"

STATEMENTS: Final = (
    """
    create table if not exists subject_key (
      subject uuid primary key,
      wrapped bytea,
      created_at timestamptz not null default now(),
      destroyed_at timestamptz,
      check ((wrapped is null) = (destroyed_at is not null))
    )
    """,
    """
    create table if not exists master_key (
      name text primary key,
      known_since timestamptz not null default now(),
      retired_at timestamptz
    )
    """,
    "alter table subject_key add column if not exists master text references master_key",
    "create index if not exists subject_key_by_master on subject_key (master, subject)",
    """
    create table if not exists secret (
      name text primary key,
      wrapped bytea not null,
      master text not null references master_key
    )
    """,
    """
    create table if not exists erased (
      number bigint generated always as identity primary key,
      subject uuid not null unique,
      erasure uuid not null unique,
      authority text not null,
      reason text not null,
      asked_by text not null,
      asked_at timestamptz not null,
      confirmed_by text not null,
      erased_at timestamptz not null
    )
    """,
    """
    create table if not exists receipt (
      erasure uuid primary key references erased (erasure),
      receipt text not null,
      issued_at timestamptz not null default now()
    )
    """,
    """
    create or replace function refuse_erased_key() returns trigger language plpgsql as $$
    begin
      if exists (select from erased where subject = new.subject) then
        return null;
      end if;
      return new;
    end $$
    """,
    """
    create or replace trigger subject_key_not_erased before insert on subject_key
    for each row execute function refuse_erased_key()
    """,
    # The lock is what a retirement waits for, and what waits for a retirement.
    """
    create or replace function refuse_retired_master() returns trigger language plpgsql security definer
    set search_path = public, pg_temp as $$
    begin
      perform from master_key where name = new.master and retired_at is null for key share;
      if not found and new.master is not null then
        raise foreign_key_violation using message = 'the master key version is retired';
      end if;
      return new;
    end $$
    """,
    """
    create or replace trigger subject_key_master before insert or update of master on subject_key
    for each row execute function refuse_retired_master()
    """,
    """
    create or replace trigger secret_master before insert or update of master on secret
    for each row execute function refuse_retired_master()
    """,
    """
    create or replace function erase_subject(
      an_erasure uuid, a_subject uuid, an_authority text, a_reason text,
      asker text, asked timestamptz, confirmer text, erased_when timestamptz
    ) returns void language plpgsql security definer set search_path = public, pg_temp as $$
    begin
      -- One at a time, so that numbers become visible in their order.
      perform pg_advisory_xact_lock(7305190403);
      insert into erased (subject, erasure, authority, reason, asked_by, asked_at, confirmed_by, erased_at)
      values (a_subject, an_erasure, an_authority, a_reason, asker, asked, confirmer, erased_when)
      on conflict do nothing;
      delete from subject_key where subject = a_subject;
    end $$
    """,
    "revoke all on function erase_subject from public",
)


async def create_schema(connection: asyncpg.Connection, roles: Sequence[str] = ()) -> None:
    """Bring the key store's tables up to date and let the services' roles read keys and add new ones.

    The service that owns the register may also erase, by the one function that writes the ledger with it.
    """
    for statement in STATEMENTS:
        await connection.execute(statement)
    for role in roles:
        await connection.execute(f'grant select, insert on subject_key, master_key, secret to "{role}"')
        await connection.execute(f'grant select on erased to "{role}"')
        if role == ERASER:
            await connection.execute(f'grant execute on function erase_subject to "{role}"')
