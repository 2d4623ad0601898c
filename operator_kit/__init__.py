"""Operators for Nomad: kinds of resources kept in variables, and reconcilers that bring them about.

class Website(Resource, group="example", kind="website"):
    class Spec(BaseModel):
        image: str

class WebsiteReconciler(Reconciler[Website]):
    owns = [Job]

    async def reconcile(self, website: Website, ctx: Context[Website]) -> None:
        await ctx.apply(job_for(website))

run(WebsiteReconciler(), name="website")

Names are imported when they are first used: a program that only reads the list of kinds should not wait for the engine.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from operator_kit.conditions import Condition
    from operator_kit.context import Context
    from operator_kit.engine.polling import Poll
    from operator_kit.engine.result import PermanentError, Result, TemporaryError
    from operator_kit.engine.schedules import Cron, Every
    from operator_kit.engine.stream import Stream
    from operator_kit.handlers import Handlers, on
    from operator_kit.id_reconciler import IdContext, IdReconciler
    from operator_kit.manager import Manager
    from operator_kit.process.run import run
    from operator_kit.reconciler import Reconciler
    from operator_kit.resource import Resource
    from operator_kit.rollout import Rollout
    from operator_kit.secrets import SecretRef
    from operator_kit.status import ResourceStatus
    from operator_kit.watch import Watch

__all__ = [
    "Condition",
    "Context",
    "Cron",
    "Every",
    "Handlers",
    "IdContext",
    "IdReconciler",
    "Manager",
    "PermanentError",
    "Poll",
    "Reconciler",
    "Resource",
    "ResourceStatus",
    "Result",
    "Rollout",
    "SecretRef",
    "Stream",
    "TemporaryError",
    "Watch",
    "on",
    "run",
]

_PLACES: Final = {
    "Condition": "conditions",
    "Context": "context",
    "Cron": "engine.schedules",
    "Every": "engine.schedules",
    "Handlers": "handlers",
    "IdContext": "id_reconciler",
    "IdReconciler": "id_reconciler",
    "Manager": "manager",
    "PermanentError": "engine.result",
    "Poll": "engine.polling",
    "Reconciler": "reconciler",
    "Resource": "resource",
    "ResourceStatus": "status",
    "Result": "engine.result",
    "Rollout": "rollout",
    "SecretRef": "secrets",
    "Stream": "engine.stream",
    "TemporaryError": "engine.result",
    "Watch": "watch",
    "on": "handlers",
    "run": "process.run",
}
"""The module of each name."""


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
