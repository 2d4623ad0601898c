"""Operators that are declared: what a resource consists of, what waits for what, and what is only there at times.

    class ShopReconciler(DependentsReconciler[Shop]):
        dependents = [
            Dependent("settings", settings_of, kind=Variable),
            Dependent("database", database_of, depends_on=("settings",)),
            Dependent("web", web_of, depends_on=("database",)),
            Dependent("cache", cache_of, active_when=lambda shop, ctx: shop.spec.cached),
        ]

There is no `reconcile` to write. At every look, in an order in which nothing comes before what it depends on:

    inactive     `active_when` does not hold, here or in something it depends on: what was made of it is deleted
    waiting      something that it depends on is not ready: what was made of it earlier stays as it is
    else         it is applied, and then asked whether it is ready: a job when its roll-out is healthy, a resource when its own
                 operator says so of the spec that it has now, all else at once

What is to be deleted goes in the reverse order, each thing only when nothing is left that depends on it; in the end, when the
resource is purged, all of it goes that way (unless `operator.deletion=orphan`). An object that has got another name, or whose
dependent is not declared any more, is deleted too, the former as soon as its successor is ready.

A condition for each dependent (`DatabaseReady`) says how it is and what it waits for; `Ready` is the sum of them. The graph is
checked where the class is defined: an unknown name or a cycle is a `TypeError`. The idea is the Java Operator SDK's.
"""

import difflib
import inspect
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any, ClassVar, Final, Generic, Literal, TypeVar

from nomad_api.errors import NomadError
from nomad_api.models import Job
from operator_kit.apply.owned_index import ObjectKey
from operator_kit.conditions import READY
from operator_kit.context import RECHECK, Context
from operator_kit.engine.result import PermanentError, Result, TemporaryError
from operator_kit.reconciler import Reconciler
from operator_kit.resource import Resource
from operator_kit.status_parts import DependentObject

R = TypeVar("R", bound=Resource)

Answer = bool | Awaitable[bool]

_NAME: Final = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")


def condition_type(name: str) -> str:
    """Type of the condition that tells of the dependent of that name."""
    return "".join(part.capitalize() for part in re.split("[-_]", name)) + "Ready"


@dataclass(frozen=True)
class Dependent(Generic[R]):
    """One thing that a resource consists of.

    Attributes:
        name: unique among the dependents, in lower case: it gives the condition its name, `web-server` is `WebServerReady`.
        desired: the object that is wanted: whatever `ctx.apply` takes. May be a coroutine function.
        kind: the class of that object.
        depends_on: names of the dependents that must be ready before this one is applied.
        ready_when: whether it is ready, instead of the rule above.
        active_when: whether it is wanted at all.
    """

    name: str
    desired: Callable[[R, Context[R]], Any]
    kind: type[Any] = Job
    depends_on: tuple[str, ...] = ()
    ready_when: Callable[[R, Context[R]], Answer] | None = None
    active_when: Callable[[R, Context[R]], Answer] | None = None


@dataclass(frozen=True, slots=True)
class _Standing:
    """How a dependent is at this look: reason and message of its condition, and whether others may rely on it."""

    reason: Literal["Ready", "Healthy", "Progressing", "Failed", "NotReady", "Waiting", "Inactive", "Deleting"]
    message: str = ""

    @property
    def ready(self) -> bool:
        return self.reason in ("Ready", "Healthy")

    @property
    def active(self) -> bool:
        return self.reason not in ("Inactive", "Deleting")


class DependentsReconciler(Reconciler[R]):
    """A reconciler that is made of its `dependents`; `owns` follows from their kinds.

    To set fields of the status, override `reconcile`, and call this one from there.
    """

    dependents: ClassVar[Sequence[Dependent[Any]]] = ()
    _ordered: ClassVar[Sequence[Dependent[Any]]] = ()

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        cls._ordered = _in_order(cls.__name__, cls.dependents)
        cls.owns = [*dict.fromkeys([*cls.owns, *(dependent.kind for dependent in cls.dependents)])]

    async def reconcile(self, resource: R, ctx: Context[R]) -> Result | None:
        standings: dict[str, _Standing] = {}
        errors: list[Exception] = []
        for dependent in self._ordered:
            try:
                standings[dependent.name] = await self._stand(dependent, resource, ctx, standings)
            except (TemporaryError, PermanentError, NomadError) as error:
                # It holds up what depends on it, and nothing else.
                errors.append(error)
                standings[dependent.name] = _Standing("Failed", str(error))
        off = {name for name in resource.status.dependents if name not in standings or not standings[name].active}
        left = await self._delete(resource, ctx, off)
        for name in off.difference(standings, left):
            ctx.remove_condition(condition_type(name))
        for dependent in self._ordered:
            if dependent.name in left:
                standings[dependent.name] = _Standing("Deleting", "it goes when nothing is left that depends on it")
            _tell(dependent, standings[dependent.name], ctx)
        _tell_sum(standings, ctx)
        if errors:
            raise min(errors, key=lambda error: isinstance(error, PermanentError))
        return Result(requeue_after=RECHECK) if left else None

    async def finalize(self, resource: R, ctx: Context[R]) -> Result | None:
        if resource.controls.deletion == "orphan":
            return None
        left = await self._delete(resource, ctx, set(resource.status.dependents))
        return Result(requeue_after=RECHECK) if left else None

    async def _stand(self, dependent: Dependent[R], resource: R, ctx: Context[R], standings: dict[str, _Standing]) -> _Standing:
        """Do what is due for a dependent, but for deleting it."""
        if off := [name for name in dependent.depends_on if not standings[name].active]:
            return _Standing("Inactive", f"{_listed(off)} {'is' if len(off) == 1 else 'are'} inactive")
        if dependent.active_when is not None and not await _value(dependent.active_when(resource, ctx)):
            return _Standing("Inactive", "it is not wanted")
        if missing := [name for name in dependent.depends_on if not standings[name].ready]:
            return _Standing("Waiting", f"waits for {_listed(missing)}")
        wish = await _value(dependent.desired(resource, ctx))
        key = ctx.holdings.key_of(wish)
        _keep(resource, dependent.name, [*(one for one in _keys(resource, dependent.name) if one != key), key])
        await ctx.apply(wish)
        standing = await self._readiness(dependent, wish, resource, ctx)
        if standing.ready:
            for old in _keys(resource, dependent.name)[:-1]:
                await ctx.remover.delete(old)
            _keep(resource, dependent.name, [key])
        return standing

    async def _readiness(self, dependent: Dependent[R], wish: Any, resource: R, ctx: Context[R]) -> _Standing:
        if dependent.ready_when is not None:
            ready = await _value(dependent.ready_when(resource, ctx))
            return _Standing("Ready") if ready else _Standing("NotReady", "its condition does not hold yet")
        if isinstance(wish, Job):
            rollout = await ctx.rollout(wish)
            return _Standing(rollout.reason, rollout.message)
        if isinstance(wish, Resource):
            return await self._word_of(wish, ctx)
        return _Standing("Ready")

    async def _word_of(self, wish: Resource, ctx: Context[R]) -> _Standing:
        """What the operator of another kind says of the resource that was applied for this one."""
        key = ctx.holdings.key_of(wish)
        applied = max(
            (made.index for made in ctx.resource.status.owned if (made.kind, made.id) == (key.kind, key.id)), default=0
        )
        made = await ctx.get(type(wish), wish.name)
        if made is None or made.generation < applied:
            return _Standing("NotReady", "it has not been seen as it was applied yet")
        ready = made.status.condition(READY)
        if ready.status == "True" and ready.observed_generation == made.generation:
            return _Standing("Ready")
        return _Standing("NotReady", ready.message or f"{READY} is {ready.status}: {ready.reason}")

    async def _delete(self, resource: R, ctx: Context[R], names: set[str]) -> set[str]:
        """Delete what there is of these dependents, as far as nothing is left that depends on it; the names of what is left."""
        left: set[str] = set()
        declared = [dependent.name for dependent in reversed(self._ordered)]
        leaning = {name: {one.name for one in self._ordered if name in one.depends_on} for name in declared}
        for name in [*sorted(names.difference(declared)), *(name for name in declared if name in names)]:
            if any(_keys(resource, other) for other in leaning.get(name, ())):
                left |= {name} if _keys(resource, name) else set()
                continue
            for key in _keys(resource, name):
                if await ctx.remover.part(key, "foreground"):
                    _keep(resource, name, [one for one in _keys(resource, name) if one != key])
                else:
                    left.add(name)
        return left


def _in_order(owner: str, dependents: Sequence[Dependent[Any]]) -> list[Dependent[Any]]:
    """The dependents, each after all that it depends on.

    Raises:
        TypeError: a name is wrong, given twice or unknown, or the dependents wait for each other.
    """
    named: dict[str, Dependent[Any]] = {}
    for dependent in dependents:
        if not _NAME.fullmatch(dependent.name):
            raise TypeError(f'{owner}: the dependent "{dependent.name}" must be named by words of a-z and 0-9, with - between')
        if dependent.name in named:
            raise TypeError(f'{owner}: two dependents are named "{dependent.name}"')
        named[dependent.name] = dependent
    for dependent in dependents:
        for name in dependent.depends_on:
            if name not in named:
                close = difflib.get_close_matches(name, named, 1)
                hint = f"; did you mean {close[0]}?" if close else ""
                raise TypeError(f'{owner}: {dependent.name} depends on "{name}", which is not declared{hint}')
    try:
        order = TopologicalSorter({name: one.depends_on for name, one in named.items()}).static_order()
        return [named[name] for name in order]
    except CycleError as error:
        circle = " → ".join(reversed(error.args[1]))
        raise TypeError(f"{owner}: dependents wait for each other: {circle}") from error


def _tell(dependent: Dependent[Any], standing: _Standing, ctx: Context[Any]) -> None:
    status = standing.ready if standing.active else None
    ctx.set_condition(condition_type(dependent.name), status, standing.reason, standing.message)


def _tell_sum(standings: Mapping[str, _Standing], ctx: Context[Any]) -> None:
    wanted = {name: standing for name, standing in standings.items() if standing.active}
    lacking = {name: standing for name, standing in wanted.items() if not standing.ready}
    told = [f"{len(wanted) - len(lacking)} of {len(wanted)} dependents ready"]
    told += [f"{name}: {standing.message or standing.reason}" for name, standing in lacking.items()]
    reasons = [standing.reason for standing in lacking.values()]
    reason = "Failed" if "Failed" in reasons else next((one for one in reasons if one != "Waiting"), "Ready")
    ctx.set_condition(READY, not lacking, reason, "; ".join(told))


def _keys(resource: Resource, name: str) -> list[ObjectKey]:
    """What was made for a dependent and is not gone yet, the newest last."""
    made: list[DependentObject] = resource.status.dependents.get(name, [])
    return [ObjectKey(one.kind, one.namespace, one.id) for one in made]


def _keep(resource: Resource, name: str, keys: Sequence[ObjectKey]) -> None:
    made = {other: objects for other, objects in resource.status.dependents.items() if other != name}
    if keys:
        made[name] = [DependentObject(kind=key.kind, namespace=key.namespace, id=key.id) for key in keys]
    resource.status.dependents = made


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


async def _value(given: Any) -> Any:
    """What a function of the author's gave, be it a coroutine function or not."""
    return await given if inspect.isawaitable(given) else given
