"""Whatever happens, and in whatever order: every handler sees what the package's text promises.

A state machine changes and purges a resource, breaks and mends handlers, and kills the operator at any request. The model is
what each handler may still believe it dealt with last: exactly one thing, or several where a process died before it could write
down a success.
"""

import asyncio
from collections import Counter
from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from nomad_api.errors import Unreachable
from operator_kit import Context, Manager, TemporaryError
from operator_kit.handlers import FieldChange, Handlers, on
from operator_kit.testing import MemoryNomad
from operator_kit.testing.harness import loop_time
from operator_kit.testing.loop import VirtualTimeLoop
from tests.operator_kit.conftest import Widget

PATH = "resources/test/widget/one"
STATUS = "status/test/widget/one"
HANDLERS = ("created", "furnished", "updated", "resized", "retitled", "deleted")
CREATION = ("created", "furnished")

Spec = tuple[int, str]


def part(name: str, spec: Spec | None) -> object:
    """What of a spec concerns a handler."""
    return spec and {"resized": spec[0], "retitled": spec[1]}.get(name, spec)


class Model:
    """What each handler of one resource believes it dealt with last, and what it falls back to if that is not written down."""

    def __init__(self) -> None:
        self.beliefs: dict[str, Spec | None] = dict.fromkeys(HANDLERS)
        self.written = dict(self.beliefs)

    def succeeded(self, name: str, spec: Spec) -> None:
        if name in CREATION and self.beliefs["updated"] is None:
            # Changes count from the first success of the creation.
            self.beliefs.update(dict.fromkeys(("updated", "resized", "retitled"), spec))
        self.beliefs[name] = spec


class World:
    """Where the handlers work: it checks each call against the model."""

    def __init__(self) -> None:
        self.models: dict[int, Model] = {}
        self.broken: set[str] = set()
        self.dead = False
        self.calls: list[str] = []
        self.complaints: list[str] = []

    def wrote(self) -> None:
        """The status is written: what succeeded will be remembered."""
        for model in self.models.values():
            model.written = dict(model.beliefs)

    def died(self) -> None:
        """The process is gone, and with it what it has not written."""
        for model in self.models.values():
            model.beliefs = dict(model.written)

    def call(self, name: str, widget: Widget, old: object = None) -> None:
        try:
            self._judge(name, widget, old)
        except AssertionError as error:
            # The operator takes it for a failure like any other; the test must not.
            self.complaints.append(str(error))
            raise
        if name in self.broken:
            raise TemporaryError(f"{name} is broken", delay=2)
        self.models[widget.uid].succeeded(name, (widget.spec.size, widget.spec.text))

    def _judge(self, name: str, widget: Widget, old: object) -> None:
        self.calls.append(name)
        model = self.models.setdefault(widget.uid, Model())
        beliefs = model.beliefs
        assert beliefs == model.written, f"{name} is called before an earlier success is written down"
        spec: Spec = (widget.spec.size, widget.spec.text)
        believed = beliefs[name]
        if name in CREATION or name == "deleted":
            assert believed is None, f"{name} has succeeded and is called again"
        else:
            assert believed is not None, f"{name} is called before the creation"
            past = part(name, believed)
            assert past != part(name, spec), f"{name} has dealt with {past} and is called again"
            assert name == "updated" or old == past, f"{name} is told of {old}, and had dealt with {past}"
        if name == "furnished":
            assert beliefs["created"] is not None, "furnished is called before created"
        if name in ("resized", "retitled"):
            assert beliefs["updated"] == spec, f"{name} is called before updated"


class Recorded(Handlers[Widget]):
    def __init__(self, world: World) -> None:
        self.world = world

    @on.create
    async def created(self, widget: Widget, ctx: Context[Widget]) -> None:
        self.world.call("created", widget)

    @on.update
    async def updated(self, widget: Widget, ctx: Context[Widget]) -> None:
        self.world.call("updated", widget)

    @on.create
    async def furnished(self, widget: Widget, ctx: Context[Widget]) -> None:
        self.world.call("furnished", widget)

    @on.field("spec.size")
    async def resized(self, widget: Widget, ctx: Context[Widget], change: FieldChange[int]) -> None:
        assert change.new == widget.spec.size
        assert not change.forgotten
        self.world.call("resized", widget, change.old)

    @on.field("spec.text")
    async def retitled(self, widget: Widget, ctx: Context[Widget], change: FieldChange[str]) -> None:
        assert change.new == widget.spec.text
        self.world.call("retitled", widget, change.old)

    @on.delete
    async def deleted(self, widget: Widget, ctx: Context[Widget]) -> None:
        self.world.call("deleted", widget)


class AnyCourse(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=VirtualTimeLoop)
        self.nomad = MemoryNomad()
        self.nomad.cluster.fault = self._watch
        self.left: int | None = None
        self.world = World()
        self.spec: Spec | None = None
        self.runner.run(self._start())

    @invariant()
    def nobody_complains(self) -> None:
        assert self.world.complaints == []

    # The operator

    async def _start(self) -> None:
        self.left = None
        manager = Manager(self.nomad, [Recorded(self.world)], name="operator", random=Random(1), now=loop_time)
        self.process = asyncio.create_task(manager.run())

    async def _kill(self) -> None:
        self.process.cancel()
        await asyncio.gather(self.process, return_exceptions=True)
        self.world.died()

    def _watch(self, method: str, path: str) -> None:
        """Called before each request of the operator: the last one that it lives to make, some day."""
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                self.world.died()
                raise Unreachable("killed")
        if method != "GET" and path == f"/v1/var/{STATUS}":
            self.world.wrote()

    # What people do

    @rule(size=st.integers(0, 3), text=st.sampled_from("ab"))
    def declare(self, size: int, text: str) -> None:
        self.spec = (size, text)
        self.runner.run(self.nomad.declare(PATH, size=str(size), text=text))

    @rule()
    def purge(self) -> None:
        self.spec = None
        self.runner.run(self.nomad.variables.delete(PATH))

    @rule(name=st.sampled_from(HANDLERS))
    def break_or_mend(self, name: str) -> None:
        self.world.broken ^= {name}

    # What happens

    @rule(seconds=st.sampled_from((0.01, 1, 30)))
    def wait(self, seconds: float) -> None:
        self.runner.run(asyncio.sleep(seconds))

    @rule(requests=st.integers(0, 12), seconds=st.sampled_from((0.1, 30)))
    def kill_after(self, requests: int, seconds: float) -> None:
        async def run_on_and_restart() -> None:
            self.left = requests
            await asyncio.sleep(seconds)
            await self._kill()
            await self._start()

        self.runner.run(run_on_and_restart())

    def teardown(self) -> None:
        try:
            self.runner.run(self._end())
        finally:
            self.runner.run(self._kill())
            self.runner.close()

    async def _end(self) -> None:
        """With all mended, all is dealt with, and nobody is called any more."""
        self.world.broken.clear()
        await asyncio.sleep(400)
        self.nobody_complains()
        assert not self.process.done(), self.process
        variable = self.nomad.cluster.variables.get(PATH)
        present = variable["CreateIndex"] if variable else 0
        assert (self.nomad.items(STATUS) is None) == (variable is None)
        for uid, model in self.world.models.items():
            assert (model.beliefs["deleted"] is None) == (uid == present)
            if uid == present:
                assert None not in (model.beliefs["created"], model.beliefs["furnished"])
                for name in ("updated", "resized", "retitled"):
                    assert part(name, model.beliefs[name]) == part(name, self.spec)
        calls = Counter(self.world.calls)
        await self._kill()
        await self._start()
        await asyncio.sleep(400)
        assert Counter(self.world.calls) == calls


TestAnyCourse = AnyCourse.TestCase
TestAnyCourse.settings = settings(max_examples=40, stateful_step_count=15, deadline=None)
