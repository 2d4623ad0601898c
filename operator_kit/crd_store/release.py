"""Forget a deletion that nobody carries out: by force, and with a trail.

A status without its resource is a pending deletion, and only its operator ends it. Where the operator is gone for good, a
person can remove the status instead. What the status knew, the last applied spec and what was made for it, is kept under
`released/<group>/<kind>/<name>` with who did it, when and why; so nothing that is left behind is forgotten.
"""

from nomad_api.client import Nomad
from operator_kit.conditions import utc_now
from operator_kit.crd_store import paths

RELEASED_BY = "releasedBy"
RELEASED_AT = "releasedAt"
RELEASE_REASON = "releaseReason"


async def release_status(nomad: Nomad, group: str, kind: str, name: str, *, by: str, reason: str = "") -> str:
    """Leave the trail, then remove the status of a resource; the path of the trail.

    Raises:
        NotFound: there is no status.
        Conflict: its operator wrote it at the same moment, so it is not gone after all.
        NomadError: the trail cannot be written (then nothing is removed), or the status cannot be removed.
    """
    path = paths.status(group, kind, name)
    status = await nomad.variables.get(path)
    trail = paths.released(group, kind, name)
    mark = {RELEASED_BY: by, RELEASED_AT: utc_now().isoformat(), RELEASE_REASON: reason or "none given"}
    # The events of a long life may leave no room for the mark, and are the least that somebody looks for here.
    items = {key: text for key, text in (status.items or {}).items() if key != "events"}
    await nomad.variables.put(trail, {**items, **mark})
    await nomad.variables.delete(path, cas=status.modify_index)
    return trail
