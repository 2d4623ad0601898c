"""What is read of a resource and its status, where the two are not equally well known."""

from random import Random

from operator_kit.crd_store.store import ResourceStore
from operator_kit.informers.variables import VariableInformer
from operator_kit.testing import MemoryNomad, virtual_time
from tests.operator_kit.conftest import Widget


async def store_of(nomad: MemoryNomad) -> ResourceStore[Widget]:
    """A store whose informers have read their lists once, and hear nothing after that."""
    resources = VariableInformer(nomad, "resources/test/widget/", Random(1))
    statuses = VariableInformer(nomad, "status/test/widget/", Random(1))
    for informer in (resources, statuses):
        await informer.load()
    return ResourceStore(Widget, nomad, resources, statuses)


@virtual_time
async def test_a_resource_known_for_a_while_whose_status_is_gone_is_looked_for_on_the_server() -> None:
    nomad = MemoryNomad()
    await nomad.declare("resources/test/widget/one", size="1")
    await nomad.declare("status/test/widget/one", uid="1")
    store = await store_of(nomad)
    assert [record is not None for record in await store.read("one")] == [True, True]
    # Another process finalizes it. Of that only the end of the status is heard.
    await nomad.variables.delete("resources/test/widget/one")
    await nomad.variables.delete("status/test/widget/one")
    store.statuses.removed("one")
    assert await store.read("one") == (None, None)


@virtual_time
async def test_a_new_resource_is_read_once() -> None:
    nomad = MemoryNomad()
    await nomad.declare("resources/test/widget/one", size="1")
    store = await store_of(nomad)
    before = len(nomad.cluster.requests)
    declared, observed = await store.read("one")
    assert (declared is not None, observed) == (True, None)
    assert nomad.cluster.requests[before:] == [("GET", "/v1/var/resources/test/widget/one")]
