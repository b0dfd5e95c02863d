"""A second PostgreSQL that streams from the first, to be promoted when that one dies."""

import asyncio
import subprocess

from carejourney.embedded.account import postgres_account
from carejourney.embedded.layout import LOOPBACK
from carejourney.embedded.postgres import PostgresServer, programs
from carejourney.embedded.processes import free_port
from tests.faults.proxy import Proxy
from tests.faults.waiting import until
from tests.faults.world import World

_STATUS_LINE = 7
_CAUGHT_UP = """
select coalesce(bool_and(replay_lsn >= pg_current_wal_lsn()), false) from pg_stat_replication where state = 'streaming'
"""


class Standby(PostgresServer):
    """A standby of a world's server. It hears of it through a proxy, so that it can be cut off from what comes."""

    def __init__(self, world: World) -> None:
        super().__init__(
            world.folder / "standby", port=free_port(), password=world.password, log=world.folder / "standby.log",
        )  # fmt: skip
        self._world = world
        self.stream = Proxy(world.postgres.port)

    async def follow(self, *, synchronous: bool) -> None:
        """Copy the server as it is and stream what comes; where `synchronous`, no commit is answered without it."""
        await self.stream.start()
        await asyncio.to_thread(self._copy)
        await asyncio.to_thread(self.start)
        await until(self._caught_up, "the standby streaming")
        async with self._world.admin("postgres") as admin:
            await admin.execute(f"alter system set synchronous_standby_names = '{'*' if synchronous else ''}'")
            await admin.execute("select pg_reload_conf()")

    async def take_over(self) -> None:
        """The first server dies, this one is promoted, and everybody's address leads here."""
        world = self._world
        await asyncio.to_thread(world.postgres.kill)
        await self.stream.stop()
        world.postgres = self
        async with world.admin("postgres") as admin:
            await admin.execute("alter system reset synchronous_standby_names")
            assert await admin.fetchval("select pg_promote(true, 40)")
            await admin.execute("select pg_reload_conf()")
        for replica in world.replicas.values():
            replica.postgres.target = self.port
            replica.postgres.cut()

    async def _caught_up(self) -> bool:
        async with self._world.admin("postgres") as admin:
            found: bool = await admin.fetchval(_CAUGHT_UP)
        return found

    def _copy(self) -> None:
        account = postgres_account()
        self.folder.mkdir(mode=0o700)
        account.own(self.folder)
        source = f"postgresql://postgres:{self._password}@{LOOPBACK}:{self.stream.port}/postgres"
        program = programs() / "pg_basebackup"
        command = [str(program), "-D", str(self.folder), "-d", source, "-R", "-X", "stream", "-c", "fast", "--no-sync"]
        copying = account.start(command, [program, self.folder], subprocess.DEVNULL)
        assert copying.wait(60) == 0, "the server was not copied"

    def _ready(self) -> bool:
        return super()._ready() or self._pid_lines()[_STATUS_LINE : _STATUS_LINE + 1] == ["standby"]
