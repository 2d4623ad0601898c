"""A thing outside of Nomad is made once: kills at every point, lost answers, and what people and `find` say of them."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nomad_api.errors import Conflict, Unreachable
from operator_kit import Context, PermanentError, TemporaryError
from operator_kit.controls import Controls
from operator_kit.external import GRACE, NotCreated, create_once, delete_once, forget
from operator_kit.status_parts import ExternalObject
from operator_kit.testing import MemoryNomad, eventually, ready, running, simulate, status_of, virtual_time
from operator_kit.testing.harness import EPOCH
from tests.operator_kit.conftest import Widget, WidgetReconciler

PATH = "resources/test/widget/one"


class Killed(BaseException):
    """The process ends here; nothing after this runs."""


class World:
    """A cloud with accounts, the status as it was saved last, and a process that can be killed at any step.

    Attributes:
        kill_at: the step at which the process is killed: steps are before and after each save and each call of the cloud.
    """

    def __init__(self, kill_at: int | None = None) -> None:
        self.accounts: list[str] = []
        self.created = 0
        self.steps = 0
        self.kill_at = kill_at
        self.saved = Widget.Status()
        self.answers: dict[str, str] = {}
        self.time = EPOCH
        self.trouble: BaseException | None = None
        self.conflict = False
        self.resource = self._restarted()

    def now(self) -> datetime:
        return self.time

    def context(self) -> Context[Widget]:
        """A new process: all that it knows is what was saved."""
        self.resource = self._restarted()
        return Context(self.resource, MemoryNomad(), None, now=self.now, save=self.save)

    def _restarted(self) -> Widget:
        status = self.saved.model_copy(deep=True)
        return Widget("one", Widget.Spec(), uid=7, generation=9, status=status, controls=Controls(external=self.answers))

    async def save(self) -> None:
        self._step()
        if self.conflict:
            raise Conflict(409, "", "PUT", "var")
        self.saved = self.resource.status.model_copy(deep=True)
        self._step()

    async def create(self) -> str:
        self._step()
        if isinstance(self.trouble, NotCreated):
            raise self.trouble
        self.created += 1
        self.accounts.append(f"account-{self.created}")
        self._step()
        if self.trouble is not None:
            raise self.trouble
        return self.accounts[-1]

    async def find(self) -> str | None:
        return self.accounts[-1] if self.accounts else None

    async def delete(self, id: str) -> None:
        self._step()
        if id in self.accounts:
            self.accounts.remove(id)
        self._step()

    def _step(self) -> None:
        self.steps += 1
        if self.steps == self.kill_at:
            raise Killed

    async def make(self, *, find: bool = False) -> str:
        return await create_once(self.context(), "account", self.create, find=self.find if find else None)

    async def unmake(self, *, find: bool = False) -> None:
        await delete_once(self.context(), "account", self.delete, find=self.find if find else None)
        self.saved = self.resource.status.model_copy(deep=True)

    @property
    def record(self) -> ExternalObject:
        return self.resource.status.external["account"]


async def killed(run: Callable[[], Awaitable[Any]]) -> bool:
    try:
        await run()
    except Killed:
        return True
    return False


STEPS = 6
"""Before and after the mark, the creation, and the answer."""


@virtual_time
async def test_it_is_created_once_and_remembered() -> None:
    world = World()
    assert await world.make() == "account-1"
    assert world.steps == STEPS
    assert (world.saved.external["account"].state, world.saved.external["account"].id) == ("succeeded", "account-1")
    assert await world.make() == "account-1"
    assert world.created == 1
    assert world.steps == STEPS, "what is known costs nothing"


@virtual_time
async def test_the_mark_is_written_before_the_call() -> None:
    world = World(kill_at=3)
    assert await killed(world.make)
    assert world.created == 0
    assert world.saved.external["account"].state == "pending"


@pytest.mark.parametrize("step", range(1, STEPS + 1))
@virtual_time
async def test_a_kill_at_any_point_and_a_truthful_find(step: int) -> None:
    world = World(kill_at=step)
    assert await killed(lambda: world.make(find=True))
    world.time += timedelta(seconds=GRACE)
    assert await world.make(find=True) == "account-1"
    assert (world.created, world.accounts) == (1, ["account-1"])


@pytest.mark.parametrize("step", range(1, STEPS + 1))
@virtual_time
async def test_a_kill_at_any_point_without_find_asks_a_person(step: int) -> None:
    world = World(kill_at=step)
    assert await killed(world.make)
    known = world.saved.external.get("account")
    if known is None or known.state == "succeeded":
        assert await world.make() == "account-1"
        return
    with pytest.raises(PermanentError) as raised:
        await world.make()
    assert raised.value.reason == "ExternalOutcomeUnknown"
    assert "operator.external.account=<id>" in str(raised.value)
    assert "operator.external.account=absent" in str(raised.value)
    assert PATH in str(raised.value)
    assert world.record.state == "unknown"
    made = world.created
    world.answers = {"account": world.accounts[0] if world.accounts else "absent"}
    assert await world.make() == "account-1"
    assert (world.created, world.accounts) == (1, ["account-1"])
    assert made + (not made) == 1


@virtual_time
async def test_not_found_proves_nothing_within_the_grace_period() -> None:
    world = World(kill_at=3)
    assert await killed(world.make)
    world.time += timedelta(seconds=10)
    with pytest.raises(TemporaryError, match="not found yet") as raised:
        await world.make(find=True)
    assert (raised.value.delay, raised.value.reason) == (GRACE - 10, "ExternalOutcomePending")
    assert world.created == 0


@virtual_time
async def test_an_attempt_that_surely_made_nothing_is_repeated() -> None:
    world = World()
    world.trouble = NotCreated("quota exceeded", delay=5)
    with pytest.raises(NotCreated, match="quota exceeded"):
        await world.make()
    assert (world.saved.external["account"].state, world.saved.external["account"].message) == ("failed", "quota exceeded")
    world.trouble = None
    assert await world.make() == "account-1"


@pytest.mark.parametrize("error", [TimeoutError("no answer"), RuntimeError("odd"), TemporaryError("not now")])
@virtual_time
async def test_any_other_error_leaves_the_question_open(error: Exception) -> None:
    world = World()
    world.trouble = error
    with pytest.raises(type(error)):
        await world.make()
    world.saved = world.resource.status.model_copy(deep=True)
    world.trouble = None
    with pytest.raises(PermanentError, match=str(error)):
        await world.make()
    assert await world.make(find=True) == "account-1"
    assert world.created == 1


@virtual_time
async def test_without_its_mark_nothing_is_created() -> None:
    world = World()
    world.conflict = True
    with pytest.raises(Conflict):
        await world.make()
    assert world.created == 0


@virtual_time
async def test_the_answer_is_written_patiently() -> None:
    world = World()
    failures = iter([None, Unreachable("gone"), Unreachable("gone")])

    class Context2(Context[Widget]):
        async def save(self) -> None:
            if (failure := next(failures, None)) is not None:
                raise failure
            await super().save()

    ctx = Context2(world.resource, MemoryNomad(), None, now=world.now, save=world.save)
    assert await create_once(ctx, "account", world.create) == "account-1"
    assert world.saved.external["account"].state == "succeeded"
    assert asyncio.get_running_loop().time() > 0


@virtual_time
async def test_an_answer_that_stood_there_before_the_attempt_is_none() -> None:
    world = World(kill_at=5)
    world.answers = {"account": "absent"}
    assert await killed(world.make)
    assert world.created == 1
    with pytest.raises(PermanentError, match="account=absent is older than the attempt"):
        await world.make()
    world.saved = world.resource.status.model_copy(deep=True)
    world.answers = {}
    with pytest.raises(PermanentError) as raised:
        await world.make()
    assert "older" not in str(raised.value)
    world.saved = world.resource.status.model_copy(deep=True)
    world.answers = {"account": "account-1"}
    assert await world.make() == "account-1"


@virtual_time
async def test_what_exists_is_taken_over() -> None:
    world = World()
    world.answers = {"account": "account-of-old"}
    assert await world.make() == "account-of-old"
    assert world.created == 0
    assert world.saved.external["account"].id == "account-of-old"


@virtual_time
async def test_deletion_forgets_and_tolerates_what_is_gone() -> None:
    world = World()
    await world.unmake()
    await world.make()
    world.accounts.clear()
    await world.unmake()
    assert world.saved.external == {}


@virtual_time
async def test_what_was_deleted_is_not_taken_over_again() -> None:
    world = World()
    world.answers = {"account": "account-of-old"}
    await world.make()
    await world.unmake()
    assert await world.make() == "account-1"


@pytest.mark.parametrize("step", range(1, STEPS + 1))
@virtual_time
async def test_deletion_after_a_kill_at_any_point_of_the_creation(step: int) -> None:
    world = World(kill_at=step)
    assert await killed(world.make)
    known = world.saved.external.get("account")
    if known is not None and known.state == "pending":
        with pytest.raises(PermanentError):
            await world.unmake()
    world.time += timedelta(seconds=GRACE)
    await world.unmake(find=True)
    assert world.accounts == []


@virtual_time
async def test_a_forgotten_thing_is_made_anew() -> None:
    world = World()
    await world.make()
    ctx = world.context()
    forget(ctx, "account")
    assert await create_once(ctx, "account", world.create) == "account-2"


@virtual_time
async def test_a_key_that_cannot_be_an_item_is_refused() -> None:
    world = World()
    with pytest.raises(ValueError, match='"My Account"'):
        await create_once(world.context(), "My Account", world.create)


@given(st.lists(st.integers(min_value=1, max_value=STEPS + 1), max_size=6))
def test_however_often_it_is_killed_it_is_made_once(kills: list[int]) -> None:
    async def run() -> None:
        world = World()
        for kill in kills:
            world.steps, world.kill_at = 0, kill
            await killed(lambda: world.make(find=True))
            world.time += timedelta(seconds=GRACE)
        world.kill_at = None
        await world.make(find=True)
        assert (world.created, world.accounts) == (1, ["account-1"])
        await world.unmake(find=True)
        assert world.accounts == []

    simulate(run())


class Cloud:
    """Makes an account, and does not live to tell of it as long as it is `lost`."""

    def __init__(self) -> None:
        self.accounts: list[str] = []
        self.lost = True

    async def create(self) -> str:
        self.accounts.append(f"account-{len(self.accounts) + 1}")
        if self.lost:
            raise Unreachable("the answer is lost")
        return self.accounts[-1]

    async def delete(self, id: str) -> None:
        self.accounts.remove(id)

    def reconciler(self) -> WidgetReconciler:
        async def act(widget: Widget, ctx: Context[Widget]) -> None:
            await create_once(ctx, "account", self.create)

        async def undo(widget: Widget, ctx: Context[Widget]) -> None:
            await delete_once(ctx, "account", self.delete)

        return WidgetReconciler(act, undo)


@virtual_time
async def test_a_person_is_asked_by_the_condition_and_answers_by_an_item() -> None:
    nomad, cloud = MemoryNomad(), Cloud()
    async with running(nomad, cloud.reconciler()):
        await nomad.declare(PATH, size="1")
        status = await ready(nomad, Widget, "one", when=lambda status: status.condition("Stalled").status == "True")
        assert status.condition("Stalled").reason == "ExternalOutcomeUnknown"
        assert status.external["account"].state == "unknown"
        await asyncio.sleep(3600)
        assert cloud.accounts == ["account-1"], "nothing is done before there is an answer"
        await nomad.declare(PATH, size="1", operator__external__account="account-1")
        status = await ready(nomad, Widget, "one")
        assert status.external["account"].id == "account-1"
        assert "Stalled" not in {condition.type for condition in status.conditions}
        await nomad.variables.delete(PATH)
        await eventually(lambda: not cloud.accounts)


@virtual_time
async def test_a_question_that_is_open_at_the_end_is_answered_by_a_successor() -> None:
    nomad, cloud = MemoryNomad(), Cloud()
    async with running(nomad, cloud.reconciler()):
        await nomad.declare(PATH, size="1")
        await ready(nomad, Widget, "one", when=lambda status: status.condition("Stalled").status == "True")
        await nomad.variables.delete(PATH)
        await asyncio.sleep(600)
        status = status_of(nomad, Widget, "one")
        assert status is not None
        assert (
            "delete it if it is there, and write the item operator.external.account=absent"
            in status.condition("Stalled").message
        )
        cloud.accounts.clear()
        cloud.lost = False
        await nomad.declare(PATH, size="1", operator__external__account="absent")
        status = await ready(nomad, Widget, "one", within=2000)
        assert cloud.accounts == [status.external["account"].id]
