"""A kind and a reconciler that tests can bend: what it does is set by assigning functions."""

from collections.abc import Awaitable, Callable
from typing import ClassVar

import pytest
from pydantic import BaseModel, Field

from nomad_api.models import Job, Task, TaskGroup
from operator_kit import Context, Reconciler, Resource, ResourceStatus, Result
from operator_kit.testing import MemoryNomad


class Widget(Resource, group="test", kind="widget"):
    class Spec(BaseModel):
        size: int = Field(default=1, ge=0)
        text: str = ""

    class Status(ResourceStatus):
        seen: int = 0


def widget_job(widget: Widget) -> Job:
    task = Task(name="main", driver="mock_driver", env={"TEXT": widget.spec.text})
    return Job(
        id=f"widget-{widget.name}", type="service", task_groups=[TaskGroup(name="g", count=widget.spec.size, tasks=[task])]
    )


Act = Callable[[Widget, Context[Widget]], Awaitable[Result | None]]


async def apply_and_report(widget: Widget, ctx: Context[Widget]) -> Result | None:
    """What an ordinary operator does."""
    rollout = await ctx.rollout(await ctx.apply(widget_job(widget)))
    widget.status.seen = widget.spec.size
    ctx.set_condition("Ready", rollout.healthy, rollout.reason, rollout.message)
    return None


async def nothing(widget: Widget, ctx: Context[Widget]) -> Result | None:
    return None


class WidgetReconciler(Reconciler[Widget]):
    """Counts its calls, and does what `act` and `undo` say."""

    owns = [Job]
    timeout: ClassVar[float] = 20.0

    def __init__(self, act: Act = apply_and_report, undo: Act = nothing) -> None:
        self.act = act
        self.undo = undo
        self.calls: list[str] = []
        self.in_hand: set[str] = set()
        self.in_two_hands: list[str] = []

    async def reconcile(self, resource: Widget, ctx: Context[Widget]) -> Result | None:
        return await self._do("reconcile", self.act, resource, ctx)

    async def finalize(self, resource: Widget, ctx: Context[Widget]) -> Result | None:
        return await self._do("finalize", self.undo, resource, ctx)

    async def _do(self, what: str, act: Act, widget: Widget, ctx: Context[Widget]) -> Result | None:
        if widget.name in self.in_hand:
            self.in_two_hands.append(widget.name)  # an exception would be taken for a failure of the reconcile
        self.in_hand.add(widget.name)
        self.calls.append(f"{what} {widget.name}")
        try:
            return await act(widget, ctx)
        finally:
            self.in_hand.discard(widget.name)


@pytest.fixture
def nomad() -> MemoryNomad:
    return MemoryNomad()
