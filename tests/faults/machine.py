"""Commands, corrections and faults as the rules of a state machine, over real services, Kafka and PostgreSQL.

Hypothesis chooses the rules and shrinks what fails; it runs in a thread of its own, and what a rule does runs in the
loop in which the installation lives. The model knows what was acknowledged; the checker compares all the rest.
"""

import asyncio
import signal
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, ClassVar, Final, TypeVar
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from carejourney.envelope import stored
from carejourney.standing import standing
from events.health import HealthOutcomesReported
from tests.faults.cases import CASES
from tests.faults.checker import check
from tests.faults.load import Asked, Load
from tests.faults.rebuilding import rebuild
from tests.faults.world import SERVICES, World

CHILDREN: Final = 3
RULE_SECONDS: Final = 240
NOT_WAITED_FOR: Final = 2.0
ENTERED: Final = date(2026, 3, 2)
DATABASE: Final = "database"
BROKER: Final = "broker"
REBUILD_POINTS: Final = tuple(point for point in CASES[20].points if not point.endswith("_back"))
Result = TypeVar("Result")

services = st.sampled_from(SERVICES)
child = st.integers(0, CHILDREN - 1)


@dataclass
class Ground:
    """Where runs take place: one installation, until a run has failed in it; then one made anew, so that no failure
    comes from an earlier one and each can be shrunk.
    """

    world: World
    loop: asyncio.AbstractEventLoop
    own: list[World] = field(default_factory=list)
    spoilt: bool = False

    def do(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Have something done in the loop, and wait for it; where it fails nobody else runs here."""
        try:
            return asyncio.run_coroutine_threadsafe(work, self.loop).result(RULE_SECONDS)
        except BaseException:
            self.spoilt = True
            raise

    def ready(self) -> World:
        """An installation in which nothing has failed."""
        if self.spoilt:
            self.do(self._renew())
            self.spoilt = False
        return self.world

    async def _renew(self) -> None:
        await self.close()
        self.world = World()
        self.own.append(self.world)
        await self.world.make()

    async def close(self) -> None:
        """End what was made here."""
        while self.own:
            await self.own.pop().close()


class Mixed(RuleBasedStateMachine):
    """Each run has children of its own. `hurt` are the parts that were broken and not mended yet.

    What hypothesis prints to repeat a failure, `@reproduce_failure(...)`, is put on this class.
    """

    ground: ClassVar[Ground]

    def __init__(self) -> None:
        super().__init__()
        self.world = self.ground.ready()
        self.load = Load(self.world)
        self.hurt: set[str] = set()
        self.children: list[UUID] = []
        self.entered: set[UUID] = set()
        self.checked: dict[UUID, bool] = {}

    @initialize()
    def begin(self) -> None:
        """Some children of whom health has heard."""
        self.children = self._do(self.load.known_children(CHILDREN))

    @rule(chosen=st.sets(child, min_size=1), times=st.integers(1, 2))
    def assess(self, chosen: set[int], times: int) -> None:
        """Some commands at once, of which any may find its service gone."""
        asked = [self.load.assessment(self.children[n]) for n in sorted(chosen) for _ in range(times)]
        self._do(self._ask(asked))

    @rule(chosen=child)
    def enter_care(self, chosen: int) -> None:
        """The child enters care, in another service than health; once."""
        entering = self.children[chosen]
        if entering not in self.entered:
            self.entered.add(entering)
            on = ENTERED + timedelta(days=chosen)
            self._do(self._ask([self.load.entry(entering, on.isoformat())]))

    @rule(chosen=child, checked=st.booleans())
    def state_outcomes(self, chosen: int, checked: bool) -> None:
        """State the same return once more: with another answer than before, that is a correction."""
        stating = self.children[chosen]
        if not any(one.subject == stating and "tables" in one.body for one in self._unanswered()):
            self.checked[stating] = checked
            self._do(self._ask([self.load.outcomes(stating, checked=checked)]))

    @precondition(lambda self: self.load.asked)
    @rule(number=st.integers(0, 1_000))
    def ask_again(self, number: int) -> None:
        """Send some earlier command once more, with the key it had, whether it was answered or not."""
        self._do(self._ask([self.load.asked[number % len(self.load.asked)]]))

    @rule(service=services)
    def kill_service(self, service: str) -> None:
        self._do(self._hurt(service, signal.SIGKILL))

    @rule(service=services)
    def freeze_service(self, service: str) -> None:
        self._do(self._hurt(service, signal.SIGSTOP))

    @rule(service=services)
    def deploy_service(self, service: str) -> None:
        """Ended as a deployment ends it, and started again."""
        if service not in self.hurt and DATABASE not in self.hurt:
            self._do(self._deploy(service))

    @rule(service=services)
    def start_another_replica(self, service: str) -> None:
        self._do(self._another(service))

    @precondition(lambda self: BROKER not in self.hurt)
    @rule()
    def kill_broker(self) -> None:
        self.hurt.add(BROKER)
        self._do(asyncio.to_thread(self.world.broker.kill))

    @precondition(lambda self: DATABASE not in self.hurt)
    @rule(frozen=st.booleans())
    def hurt_database(self, frozen: bool) -> None:
        self.hurt.add(DATABASE)
        freeze, kill = self.world.freeze_postgres, self.world.postgres.kill
        self._do(asyncio.to_thread(freeze if frozen else kill))

    @rule()
    def cut_networks(self) -> None:
        self._do(self._networks(None))

    @rule(delay=st.sampled_from((0.005, 0.05)))
    def slow_networks(self, delay: float) -> None:
        self._do(self._networks(delay))

    @precondition(lambda self: DATABASE not in self.hurt)
    @rule(point=st.sampled_from((None, *REBUILD_POINTS)))
    def rebuild(self, point: str | None) -> None:
        """Rebuild a projection while all this goes on, to the end or to a point at which it is killed."""
        self._do(rebuild(self.world, point))

    @rule()
    def mend(self) -> None:
        """Undo every fault, send every command again, answered or not, and judge."""
        self._do(self._mend())

    @invariant()
    def what_was_acknowledged_is_stored(self) -> None:
        """Also while things are broken, as long as anyone can look."""
        if DATABASE not in self.hurt:
            self._do(self._stored())

    def teardown(self) -> None:
        if not self.ground.spoilt:
            self.mend()

    def _do(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self.ground.do(work)

    def _unanswered(self) -> list[Asked]:
        return [one for one in self.load.asked if one.facts is None]

    async def _ask(self, asked: list[Asked]) -> None:
        await asyncio.gather(*(self.load.once(one, seconds=NOT_WAITED_FOR) for one in asked))

    async def _hurt(self, service: str, how: signal.Signals) -> None:
        self.hurt.add(service)
        replica = await self.world.replica(service)
        if how == signal.SIGKILL:
            await replica.kill()
        else:
            replica.signal(how)

    async def _deploy(self, service: str) -> None:
        replica = await self.world.replica(service)
        await replica.stop()
        replica.start()

    async def _another(self, service: str) -> None:
        replica = await self.world.replica(service, 1)
        if not replica.alive():
            replica.start()

    async def _networks(self, delay: float | None) -> None:
        for proxy in self.world.proxies():
            if delay is None:
                proxy.cut()
            else:
                proxy.delay = delay

    async def _mend(self) -> None:
        await self.world.heal()
        self.hurt.clear()
        for one in list(self.load.asked):
            await self.load.insist(one)
        await check(self.world, self.load)
        assert await self._outcomes() == self.checked, "an outcome does not stand as it was stated last"

    async def _stored(self) -> None:
        """Every fact that an answer named is in the store of its service."""
        for service in SERVICES:
            named = {UUID(fact) for one in self.load.asked if one.service == service for fact in one.recorded or ()}
            async with self.world.admin(service) as admin:
                rows = await admin.fetch("select id from fact where subject = any($1)", self.children)
            assert named <= {row["id"] for row in rows}, f"a fact that {service} acknowledged is not stored"

    async def _outcomes(self) -> dict[UUID, bool]:
        """What stands of each child's outcomes, corrections folded in."""
        found = {}
        async with self.world.admin("health") as admin:
            for one in self.children:
                rows = await admin.fetch("select headers, payload, topic from fact where subject = $1", one)
                for fact in standing(stored(*row) for row in rows):
                    if fact.type == HealthOutcomesReported.wire:
                        found[one] = fact.data["health_check"]
        return found
