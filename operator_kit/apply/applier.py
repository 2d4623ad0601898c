"""`Applier`: brings objects of any kind about for one resource.

What was asked for last time stands in the status of the resource: its fingerprint, and the index that the object got. While
both are the same, nothing is sent at all. Otherwise the object is read and planned for, and written where a field differs,
bound to the index that was read. So two things that look alike are told apart: a new wish, which is carried out, and drift,
where the wish is the old one and another has changed the object.

An object is remembered **before** it is made, so that one whose maker was killed at that moment is found when its owner is
deleted. Jobs need no such write: their list shows the marks.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

from operator_kit.apply.drift import MISSING, Drift, Teller, tell_corrected
from operator_kit.apply.fingerprint import fingerprint
from operator_kit.apply.holdings import Holdings
from operator_kit.apply.job import JOB
from operator_kit.apply.kinds import kind_of
from operator_kit.apply.object_kind import Live, ObjectKind, Plan
from operator_kit.apply.owned_index import ObjectKey
from operator_kit.engine.result import PermanentError
from operator_kit.ownership import AlreadyOwned, FieldConflict
from operator_kit.status import OwnedObject

T = TypeVar("T")


class Applier:
    """For one resource, during one look at it."""

    def __init__(self, holdings: Holdings, drift: Drift, teller: Teller) -> None:
        self._holdings = holdings
        self._drift = drift
        self._teller = teller

    async def apply(self, wish: T, *, share: bool, force: bool) -> T:
        """Make sure that there is an object as wished; see `Context.apply`."""
        holdings, kind, key = self._holdings, kind_of(type(wish)), self._holdings.key_of(wish)
        if share and not kind.shareable:
            raise PermanentError(f"a {kind.noun} has one owner, it cannot be shared", reason="NotShareable")
        owner = None if share else holdings.seen_from(key)
        record, asked = holdings.record(key), fingerprint(kind.content(wish) + repr((key, owner)).encode())
        repeated = record is not None and record.fingerprint == asked
        if repeated and holdings.is_unchanged(key):
            return wish
        nomad, wish = holdings.nomad_for(key), kind.placed(wish, key.namespace)
        live = await kind.read(nomad, key.id)
        if repeated and record is not None and live is not None and live.index == record.index:
            # Nobody has touched it since. Comparing could only find what the server itself has filled in or put differently.
            return wish
        if live is not None and owner is not None and not force and (other := holdings.other_owner(kind, key, live)):
            raise AlreadyOwned(f"{kind.noun} {key.id}", other)
        plan = await kind.plan(nomad, wish, live, owner, record.fields if record else (), new=not repeated)
        if share and plan.conflicts and not force:
            raise self._conflict(kind, key, plan)
        changes = plan.changes if live else [MISSING]
        made = OwnedObject(
            kind=key.kind,
            id=key.id,
            namespace=key.namespace,
            fingerprint=asked,
            index=live.index if live else 0,
            fields=list(plan.fields),
            shared=share,
        )
        if repeated and changes and self._drift == "report":
            made.drifted = list(changes)
        elif changes:
            if record is None and kind is not JOB:
                holdings.keep(made.model_copy(update={"fingerprint": "", "index": 0}))
                await self._teller.save()
            made.index = await kind.write(nomad, key.id, plan)
            self._tell(kind, key, live, record, changes if repeated else ())
        holdings.keep(made)
        return wish

    def _conflict(self, kind: ObjectKind[Any], key: ObjectKey, plan: Plan[Any]) -> FieldConflict:
        index, own = self._holdings.index, self._holdings.owner
        whole = (plan.live.owner if plan.live else None) or "somebody"
        fields = {field: str(index.owner_of_field(key, field, but=own) or whole) for field in plan.conflicts}
        return FieldConflict(f"{kind.noun} {key.id}", fields)

    def _tell(
        self, kind: ObjectKind[Any], key: ObjectKey, live: Live[Any] | None, record: OwnedObject | None, drifted: Sequence[str]
    ) -> None:
        what = f"{kind.noun} {key.id}"
        if drifted:
            tell_corrected(self._teller, what, drifted)
            return
        outcome = "created" if live is None else "adopted" if record is None or not record.fingerprint else "updated"
        self._teller.event("Normal", f"{kind.word}{outcome.capitalize()}", f"{what} {outcome}")
