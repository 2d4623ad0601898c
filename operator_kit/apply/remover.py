"""`Remover`: takes away what belongs to a resource, in one of the ways in which it can go, and never anything else.

Whatever is removed has been read just before, and its marks name this resource with this uid.
"""

from operator_kit.apply.drift import Teller
from operator_kit.apply.holdings import Holdings
from operator_kit.apply.kinds import kind_named
from operator_kit.apply.owned_index import ObjectKey
from operator_kit.controls import Deletion
from operator_kit.engine.result import PermanentError


class Remover:
    """For one resource, during one look at it."""

    def __init__(self, holdings: Holdings, teller: Teller) -> None:
        self._holdings = holdings
        self._teller = teller

    async def delete(self, key: ObjectKey) -> None:
        """Remove an object at once; nothing happens if there is none. Of a shared one only the own fields go.

        Raises:
            PermanentError: it belongs to somebody else.
            NomadError: Nomad refused, or cannot be reached.
        """
        kind, nomad = kind_named(key.kind), self._holdings.nomad_for(key)
        record = self._holdings.record(key)
        live = await kind.read(nomad, key.id)
        if live is not None and record is not None and record.shared:
            await kind.strip(nomad, key.id, live, record.fields)
            self._holdings.forget(key)
            return
        if live is not None:
            if not self._holdings.is_own(key, live):
                whose = live.owner or "nobody"
                raise PermanentError(f"{kind.noun} {key.id} belongs to {whose}, so it is not deleted", reason="NotOwned")
            await kind.delete(nomad, live, self._holdings.fields(key))
            self._teller.event("Normal", f"{kind.word}Deleted", f"{kind.noun} {key.id} deleted")
        self._holdings.purged(key)

    async def part(self, key: ObjectKey, policy: Deletion) -> bool:
        """Part with an object as the policy says, `background`: it goes at once; `foreground`: it goes, and is waited for;
        `orphan`: it stays and loses the marks. Of a shared object only the own fields go, and what is not the resource's own
        is only forgotten.

        Returns:
            Whether that is done; else it is to be called again.
        """
        holdings, kind, nomad = self._holdings, kind_named(key.kind), self._holdings.nomad_for(key)
        record, fields = holdings.record(key), holdings.fields(key)
        shared = record is not None and record.shared
        live = await kind.read(nomad, key.id)
        if live is not None and not shared and not holdings.is_own(key, live):
            holdings.forget(key)
        elif shared or policy == "orphan":
            if live is not None:
                await kind.strip(nomad, key.id, live, fields if shared else kind.mark_fields)
            holdings.forget(key)
        else:
            if policy == "foreground" and not await kind.retire(nomad, key.id, live, fields):
                return False
            if policy == "background" and live is not None:
                await kind.delete(nomad, live, fields)
            holdings.purged(key)
        return True
