"""Admission: what a kind's own code says of a resource before anything is done for it.

Three hooks that Kubernetes keeps in webhooks are methods of the kind here, and run in the operator when it reads a resource:

    class Database(Resource, group="example", kind="database"):
        class Spec(BaseModel):
            engine: Annotated[str, Immutable]
            size: int = 0

        def default(self) -> None:
            self.spec.size = self.spec.size or 10

        def validate(self, old: "Database.Spec | None") -> Iterator[Problem]:
            if old is not None and self.spec.size < old.size:
                yield Problem("size", "a disk cannot shrink", f"write size={old.size} or more")

`default` runs at every reading, so it must come to the same each time; what it sets is part of the last applied spec.
`validate` runs when a spec is new or has changed: `old` is the last applied one, converted to the present version, and None for
a new resource. What has been accepted stays so when the rules get stricter, until it is written again, as in Kubernetes.

The difference to a webhook: the user's write has succeeded by then, for Nomad asks nobody. So a refusal is told in the
condition `Accepted=False`, and what the last accepted spec brought about goes on. A purge cannot be refused at all; what must
be kept from going is a matter of `finalize`.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel

from operator_kit.crd_store.codec import SPEC, InvalidItems, Problem
from operator_kit.crd_store.immutable import Immutable, changed_immutables

if TYPE_CHECKING:
    from operator_kit.resource import Resource

T = TypeVar("T")

__all__ = ["Immutable", "Problem", "admit", "default"]


def default(resource: "Resource") -> None:
    """Let the kind fill in what the user has left open.

    Raises:
        InvalidItems: the kind's code refused the spec, or failed.
    """
    _ask(resource.default)


def admit(resource: "Resource", old: BaseModel | None) -> None:
    """Make sure that a new or changed spec is in order; `old` is the last applied one, None for a new resource.

    Raises:
        InvalidItems: with every mistake, of the kit's checks and of the kind's own.
    """
    spec: Any = resource.spec
    problems = [] if old is None else changed_immutables(old, spec)
    problems += _ask(lambda: list(resource.validate(old)))
    if problems:
        raise InvalidItems(problems)


def _ask(hook: Callable[[], T]) -> T:
    """What a hook says. The author's code meets a user's values here: whatever it raises concerns this resource alone."""
    try:
        return hook()
    except ValueError as error:
        raise InvalidItems([Problem(SPEC, str(error))]) from error
    except Exception as error:
        raise InvalidItems([Problem(SPEC, f"the operator failed to check it: {type(error).__name__}: {error}")]) from error
