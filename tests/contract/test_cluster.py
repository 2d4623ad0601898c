"""The cluster: who leads, which nodes there are, namespaces, services, search, and how lists are filtered."""

import pytest

from nomad_api.errors import BadRequest, NotFound, ServerError
from nomad_api.models import Job


async def test_somebody_leads(wire):
    leader = (await wire("GET", "/v1/status/leader", token="")).json()
    assert leader in (await wire("GET", "/v1/status/peers", token="")).json()
    assert (await wire("GET", "/v1/regions", token="")).json() == ["global"]


async def test_agent_is_healthy_and_tells_its_name(wire):
    health = (await wire("GET", "/v1/agent/health", token="")).json()
    assert all(part == {"ok": True, "message": "ok"} for part in health.values())
    self = (await wire("GET", "/v1/agent/self")).json()
    assert self.keys() == {"config", "member", "stats"}
    members = (await wire("GET", "/v1/agent/members")).json()
    assert self["member"]["Name"] in [member["Name"] for member in members["Members"]]


@pytest.mark.parametrize("path", ["/v1/nope", "/v2/jobs", "/v1/Jobs", "/v1/jobs/"])
async def test_unknown_paths_are_not_found(wire, path):
    reply = await wire("GET", path)
    assert (reply.status, reply.text) == (404, "")


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/v1/jobs"), ("PUT", "/v1/nodes"), ("GET", "/v1/search")])
async def test_wrong_methods_are_refused(wire, method, path):
    reply = await wire(method, path)
    assert (reply.status, reply.text) == (405, "Invalid method")


async def test_unknown_region_is_refused(wire):
    reply = await wire("GET", "/v1/jobs", params={"region": "nowhere"})
    assert (reply.status, reply.text) == (500, "No path to region")


async def test_node_is_ready_and_has_drivers(nomad):
    node = next(node for node in await nomad.nodes.list() if node.status == "ready")
    assert node.scheduling_eligibility == "eligible"
    assert node.drivers["raw_exec"].healthy
    whole = await nomad.nodes.get(node.id)
    assert whole.attributes["kernel.name"] == "linux"
    assert (await nomad.nodes.list(node.id[:8]))[0].id == node.id


@pytest.mark.parametrize(("node_id", "error"), [("11111111-2222-3333-4444-555555555555", NotFound), ("nonsense", ServerError)])
async def test_unknown_node(nomad, node_id, error):
    with pytest.raises(error):
        await nomad.nodes.get(node_id)


async def test_namespace_is_made_used_and_deleted(nomad, wire, unique):
    assert (await wire("PUT", "/v1/namespace", body={"Name": unique, "Description": "for a test"})).text == ""
    assert (await wire("GET", f"/v1/namespace/{unique}")).json()["Description"] == "for a test"
    inside = nomad.scoped(namespace=unique)
    await inside.variables.put(unique, {"k": "v"})
    assert await nomad.variables.list(unique) == []
    refused = await wire("DELETE", f"/v1/namespace/{unique}")
    assert refused.status == 500
    assert f'namespace "{unique}" has variables associated with it' in refused.text
    await inside.variables.delete(unique)
    assert (await wire("DELETE", f"/v1/namespace/{unique}")).status == 200
    assert (await wire("GET", f"/v1/namespace/{unique}")).text == "Namespace not found"


async def test_job_in_an_unknown_namespace_is_refused(nomad, unique, sleeper):
    with pytest.raises(ServerError, match="is in nonexistent namespace"):
        await nomad.scoped(namespace=unique).jobs.register(sleeper(unique))


async def test_service_is_found_while_its_task_runs(nomad, unique, sleeper, until):
    job = sleeper(
        unique,
        Networks=[{"DynamicPorts": [{"Label": "http"}]}],
        Services=[{"Name": unique, "Provider": "nomad", "PortLabel": "http", "Tags": ["blue"]}],
    )
    await nomad.jobs.register(job)
    (instance,) = await until(nomad.watch(f"service/{unique}", list), len)
    assert (instance["ServiceName"], instance["JobID"], instance["Tags"]) == (unique, unique, ["blue"])
    (alloc,) = await nomad.jobs.allocations(unique)
    assert instance["AllocID"] == alloc.id
    assert instance["Port"] == (await nomad.allocations.get(alloc.id)).ports["http"].value
    listed = (await nomad.read("services")).value
    assert {"ServiceName": unique, "Tags": ["blue"]} in listed[0]["Services"]
    await nomad.jobs.deregister(unique)
    await until(nomad.watch(f"service/{unique}", list), lambda rows: not rows)


async def test_search_finds_what_begins_so(nomad, unique, sleeper):
    await nomad.jobs.register(sleeper(unique))
    assert (await nomad.search.prefix(unique[:8], "jobs")).matches["jobs"] == [unique]
    found = await nomad.search.prefix(unique)
    assert found.matches["jobs"] == [unique]
    assert not found.truncations["jobs"]
    with pytest.raises(ServerError, match="context must be one of"):
        await nomad.search.prefix(unique, "planets")


async def test_fuzzy_search_looks_inside_jobs(wire, unique, sleeper, nomad):
    await nomad.jobs.register(Job.model_validate(sleeper(unique).to_wire() | {"Name": f"named-{unique}"}))
    reply = await wire("PUT", "/v1/search/fuzzy", body={"Text": unique, "Context": "jobs"})
    assert reply.json()["Matches"]["jobs"] == [{"ID": f"named-{unique}", "Scope": ["default", unique]}]


@pytest.mark.parametrize(
    ("filter", "found"),
    [
        ("Type == service", ["a"]),
        ('Meta.team == "blue"', ["a"]),
        ('Meta["team"] != "blue"', ["b"]),
        ("Meta is empty", ["b"]),
        ('"*" in Datacenters and not (Type == service)', ["b"]),
        ('ID matches "-[ab]$" or Type == system', ["a", "b"]),
        ("Priority == 70", ["b"]),
        ('any TaskGroups as group { group.Name == "main" }', ["a", "b"]),
    ],
)
async def test_filters(nomad, unique, sleeper, shell, filter, found):
    await nomad.jobs.register(Job.model_validate(sleeper(f"{unique}-a").to_wire() | {"Meta": {"team": "blue"}}))
    await nomad.jobs.register(Job.model_validate(shell(f"{unique}-b", "true").to_wire() | {"Priority": 70}))
    assert [job.id[-1] for job in await nomad.jobs.list(unique, filter=filter)] == found


@pytest.mark.parametrize(
    ("filter", "reason"),
    [
        ("Name ==", "failed to read filter expression: 1:8 (7): no match found, expected: "),
        ("Nope == x", 'struct field with name "Nope"'),
        ("Priority == high", 'strconv.ParseInt: parsing "high": invalid syntax'),
        ('ID matches "("', "error parsing regexp: missing closing )"),
    ],
)
async def test_bad_filters_are_refused(nomad, unique, shell, filter, reason):
    await nomad.jobs.register(shell(unique, "true"))
    with pytest.raises(BadRequest) as refusal:
        await nomad.jobs.list(unique, filter=filter)
    assert reason in refusal.value.message


async def test_list_by_pages_and_in_reverse(nomad, wire, unique, shell):
    for letter in "abc":
        await nomad.jobs.register(shell(f"{unique}-{letter}", "true"))
    first = await wire("GET", "/v1/jobs", params={"prefix": unique, "per_page": "2"})
    assert [job["ID"][-1] for job in first.json()] == ["a", "b"]
    assert first.headers["X-Nomad-NextToken"] == f"default.{unique}-c"
    reverse = await wire("GET", "/v1/jobs", params={"prefix": unique, "reverse": "true"})
    assert [job["ID"][-1] for job in reverse.json()] == ["c", "b", "a"]
