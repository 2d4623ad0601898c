"""What is said of a class of handlers when it is defined."""

import pytest
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from operator_kit import Context, Resource
from operator_kit.handlers import FieldChange, Handlers, on
from operator_kit.handlers.declaration import handlers_of
from tests.operator_kit.conftest import Widget


class Limits(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    memory_mb: int = 64


class Gadget(Resource, group="test", kind="gadget"):
    class Spec(BaseModel):
        replicas: int = 1
        limits: Limits | None = None
        env: dict[str, str] = {}
        args: list[str] = Field(default=[])


def names(cls: type[Handlers[Widget]]) -> list[str]:
    return [handler.id for handler in handlers_of(cls, Widget.Spec)]


class Base(Handlers[Widget]):
    @on.create
    async def made(self, widget: Widget, ctx: Context[Widget]) -> None: ...

    @on.update(when=lambda widget: widget.spec.size > 1)
    async def changed(self, widget: Widget, ctx: Context[Widget]) -> None: ...

    @on.field("spec.text")
    async def retitled(self, widget: Widget, ctx: Context[Widget], change: FieldChange[str]) -> None: ...


def test_handlers_come_in_the_order_of_their_definition_those_of_a_base_class_first() -> None:
    class Derived(Base):
        @on.delete
        async def gone(self, widget: Widget, ctx: Context[Widget]) -> None: ...

    assert Derived.resource is Widget
    assert names(Derived) == ["create.made", "update.changed", "field.retitled.spec.text", "delete.gone"]


def test_a_method_that_is_overridden_is_a_handler_only_if_it_says_so_again() -> None:
    class Derived(Base):
        async def made(self, widget: Widget, ctx: Context[Widget]) -> None: ...

        @on.field("spec.size")
        async def changed(self, widget: Widget, ctx: Context[Widget], change: FieldChange[int] | None = None) -> None: ...

    assert names(Derived) == ["field.changed.spec.size", "field.retitled.spec.text"]


def test_one_method_can_handle_several_things() -> None:
    class Both(Handlers[Widget]):
        @on.create
        @on.update
        @on.field("spec.size")
        @on.field("spec.text")
        async def level(self, widget: Widget, ctx: Context[Widget], change: FieldChange[object] | None = None) -> None: ...

    assert names(Both) == ["create.level", "update.level", "field.level.spec.size", "field.level.spec.text"]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("spec.replica", "spec has no field replica; did you mean spec.replicas?"),
        ("replicas", 'a path begins with "spec." and names a field; did you mean spec.replicas?'),
        ("spec", 'a path begins with "spec." and names a field; for the whole spec there is on.update'),
        ("spec.limits.memroyMb", "spec.limits has no field memroyMb; did you mean spec.limits.memoryMb?"),
        ("spec.nothing", "spec has no field nothing; there is: args, env, limits, replicas"),
        ("spec.args.0", "spec.args is no model and no mapping, so nothing within can be followed; follow spec.args itself"),
    ],
)
def test_a_path_that_leads_nowhere_is_a_mistake_of_the_class(path: str, reason: str) -> None:
    with pytest.raises(TypeError) as caught:

        class Wrong(Handlers[Gadget]):
            @on.field(path)
            async def changed(self, gadget: Gadget, ctx: Context[Gadget], change: FieldChange[object]) -> None: ...

    assert str(caught.value) == f'Wrong.changed: @on.field("{path}"): {reason}'


@pytest.mark.parametrize(
    "path", ["spec.replicas", "spec.limits.memory_mb", "spec.limits.memoryMb", "spec.env.PATH", "spec.args"]
)
def test_paths_reach_into_models_and_mappings(path: str) -> None:
    class Right(Handlers[Gadget]):
        @on.field(path)
        async def changed(self, gadget: Gadget, ctx: Context[Gadget], change: FieldChange[object]) -> None: ...

    assert [handler.path and handler.path.path for handler in handlers_of(Right, Gadget.Spec)] == [path]


def test_a_handler_must_take_what_it_is_called_with() -> None:
    with pytest.raises(TypeError, match=r"Wrong.changed has @on.field, so it is called with \(self, resource, ctx, change\)"):

        class Wrong(Handlers[Widget]):
            @on.field("spec.size")
            async def changed(self, widget: Widget, ctx: Context[Widget]) -> None: ...


def test_a_handler_must_be_a_coroutine_function() -> None:
    with pytest.raises(TypeError, match=r"Wrong.made must be written with async def"):

        class Wrong(Handlers[Widget]):
            @on.create  # type: ignore[type-var]
            def made(self, widget: Widget, ctx: Context[Widget]) -> None: ...


def test_a_decorator_belongs_on_a_method() -> None:
    with pytest.raises(TypeError, match=r"@on.create belongs on a method"):
        on.create(7)  # type: ignore[call-overload]


def test_the_engines_own_methods_are_no_handlers() -> None:
    with pytest.raises(TypeError, match=r"Wrong.finalize is called by the engine itself; give the handler another name"):

        class Wrong(Handlers[Widget]):
            @on.delete
            async def finalize(self, widget: Widget, ctx: Context[Widget]) -> None: ...


def test_the_same_thing_is_said_once() -> None:
    with pytest.raises(TypeError, match=r"Wrong.made says @on.create twice"):

        class Wrong(Handlers[Widget]):
            @on.create
            @on.create(when=lambda widget: True)
            async def made(self, widget: Widget, ctx: Context[Widget]) -> None: ...


@pytest.mark.parametrize("numbers", [{"every": 0}, {"every": 1, "idle": -1}, {"every": 1, "initial_delay": -1}])
def test_a_timer_needs_sensible_times(numbers: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="every must be more than 0 seconds, idle and initial_delay at least 0"):
        on.timer(**numbers)  # type: ignore[arg-type]
