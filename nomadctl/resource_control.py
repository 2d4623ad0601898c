"""The controls of a resource, the items `operator.*` beside its spec: changed one at a time, whoever else writes meanwhile."""

from typing import TYPE_CHECKING, Final

from nomadctl.failure import Failure, failing
from nomadctl.output import quoted

if TYPE_CHECKING:
    from nomad_api.client import Nomad
    from nomad_api.models import Variable
    from nomadctl.resources import NamedKind

PAUSED: Final = "operator.paused"
RECONCILE: Final = "operator.reconcile"


async def set_control(nomad: "Nomad", kind: "NamedKind", name: str, control: str, value: str) -> "tuple[Variable, bool]":
    """Set a control, or take it away with an empty value; the resource as it is then, and whether that changed anything.

    The spec stays as it is: the write is a check-and-set against what was read.

    Raises:
        Failure: there is no such resource, or it cannot be written.
    """
    from nomad_api.errors import Conflict, NotFound
    from operator_kit.crd_store import paths

    path = paths.resource(kind.group, kind.kind, name)
    while True:
        with failing("Error changing resource"):
            try:
                variable = await nomad.variables.get(path)
            except NotFound:
                raise Failure(f"No {kind.group}/{kind.kind} {quoted(name)} is declared") from None
            items = variable.items or {}
            changed = {key: text for key, text in items.items() if key != control} | ({control: value} if value else {})
            if changed == items:
                return variable, False
            try:
                return await nomad.variables.put(path, changed, cas=variable.modify_index), True
            except Conflict as conflict:
                if conflict.current is None or not conflict.current.modify_index:
                    raise  # locked, not changed
