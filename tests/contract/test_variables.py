"""Variables: what is written is read back, who changes what first wins, and what is refused."""

import pytest

from nomad_api.errors import BadRequest, Conflict, NotFound

LIMIT = 65_536
ITEMS = {"mode": "daemonset", "replicas": "3"}


async def test_variable_is_read_as_it_was_written(nomad, unique):
    written = await nomad.variables.put(f"resources/{unique}", ITEMS)
    read = await nomad.variables.get(f"resources/{unique}")
    assert read == written
    assert read.items == ITEMS
    assert (read.namespace, read.path) == ("default", f"resources/{unique}")
    assert read.create_index == read.modify_index > 0
    assert read.create_time == read.modify_time > 1_600_000_000 * 10**9


async def test_put_replaces_all_items_and_keeps_the_identity(nomad, unique):
    first = await nomad.variables.put(unique, {"a": "1", "b": "2"})
    second = await nomad.variables.put(unique, {"b": "3"})
    assert second.items == {"b": "3"}
    assert (second.create_index, second.create_time) == (first.create_index, first.create_time)
    assert second.modify_index > first.modify_index


async def test_an_identical_put_is_a_change_too(nomad, unique):
    first = await nomad.variables.put(unique, ITEMS)
    assert (await nomad.variables.put(unique, ITEMS)).modify_index > first.modify_index


async def test_recreated_variable_has_another_identity(nomad, unique):
    first = await nomad.variables.put(unique, ITEMS)
    await nomad.variables.delete(unique)
    assert (await nomad.variables.put(unique, ITEMS)).create_index > first.create_index


async def test_missing_variable_is_not_found_with_an_index_to_wait_from(wire, unique):
    reply = await wire("GET", f"/v1/var/{unique}")
    assert (reply.status, reply.text) == (404, "variable not found")
    assert "X-Nomad-Index" in reply.headers


async def test_deleting_twice_succeeds(wire, nomad, unique):
    await nomad.variables.put(unique, ITEMS)
    for _ in range(2):
        reply = await wire("DELETE", f"/v1/var/{unique}")
        assert (reply.status, reply.text) == (204, "")
    with pytest.raises(NotFound):
        await nomad.variables.get(unique)


@pytest.mark.parametrize("path", ["a", "A-b_c~d/e", "trailing/", "x" * 117])
async def test_allowed_paths(nomad, unique, path):
    path = f"{unique}{path}"
    assert (await nomad.variables.put(path, ITEMS)).path == path
    assert (await nomad.variables.get(path)).items == ITEMS


@pytest.mark.parametrize("path", ["with.dot", "with space", "at@sign", "ümlaut", "x" * 118])
async def test_other_paths_are_refused(nomad, unique, path):
    path = f"{unique}{path}"
    with pytest.raises(BadRequest) as refusal:
        await nomad.variables.put(path, ITEMS)
    assert f'invalid path "{path}"' in refusal.value.message


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("nomad", '"nomad" is a reserved top-level directory path'),
        ("nomad/other", 'only paths at "nomad/jobs" or "nomad/job-templates" and below are valid paths'),
        ("nomad/job-templates", '"nomad/job-templates" is a reserved directory path'),
        ("nomad/job-templates/a/b", '"nomad/job-templates" is a reserved directory path'),
    ],
)
async def test_reserved_paths_are_refused(nomad, path, reason):
    with pytest.raises(BadRequest, match=reason):
        await nomad.variables.put(path, ITEMS)


async def test_paths_of_jobs_may_be_written(nomad, unique):
    path = f"nomad/jobs/{unique}/group/task"
    assert (await nomad.variables.put(path, ITEMS)).path == path


async def test_keys_and_values_may_have_64_kib_together(nomad, unique):
    items = {"a": "x" * (LIMIT // 2 - 1), "bb": "y" * (LIMIT // 2 - 2)}
    assert (await nomad.variables.put(unique, items)).items == items


async def test_one_byte_more_is_refused(nomad, unique):
    items = {"a": "x" * (LIMIT // 2 - 1), "bb": "ü" + "y" * (LIMIT // 2 - 3)}
    with pytest.raises(BadRequest, match="variables are limited to 64KiB in total size"):
        await nomad.variables.put(unique, items)
    with pytest.raises(NotFound):
        await nomad.variables.get(unique)


async def test_no_items_are_refused(nomad, unique):
    with pytest.raises(BadRequest, match="variable missing required Items object"):
        await nomad.variables.put(unique, {})


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "Request body is empty"),
        ("{", "unexpected EOF"),
        ({"Items": {"k": 5}}, "json: cannot unmarshal number into Go struct field VariableDecrypted.Items of type string"),
    ],
)
async def test_bodies_that_cannot_be_read_are_refused(wire, unique, body, reason):
    reply = await wire("PUT", f"/v1/var/{unique}", body=body)
    assert (reply.status, reply.text) == (400, reason)


async def test_cas_0_creates_only(nomad, unique):
    created = await nomad.variables.put(unique, {"by": "first"}, cas=0)
    with pytest.raises(Conflict) as conflict:
        await nomad.variables.put(unique, {"by": "second"}, cas=0)
    assert conflict.value.current == created
    assert (await nomad.variables.get(unique)).items == {"by": "first"}


async def test_cas_writes_only_what_is_unchanged(nomad, unique):
    first = await nomad.variables.put(unique, {"n": "1"})
    second = await nomad.variables.put(unique, {"n": "2"}, cas=first.modify_index)
    with pytest.raises(Conflict) as conflict:
        await nomad.variables.put(unique, {"n": "3"}, cas=first.modify_index)
    assert conflict.value.current == second


async def test_cas_of_a_missing_variable_shows_that_there_is_none(wire, unique):
    reply = await wire("PUT", f"/v1/var/{unique}", params={"cas": "7"}, body={"Items": ITEMS})
    assert reply.status == 409
    assert (reply.json()["Path"], reply.json()["ModifyIndex"]) == (unique, 0)


async def test_delete_with_cas(nomad, unique):
    first = await nomad.variables.put(unique, {"n": "1"})
    second = await nomad.variables.put(unique, {"n": "2"})
    with pytest.raises(Conflict):
        await nomad.variables.delete(unique, cas=first.modify_index)
    await nomad.variables.delete(unique, cas=second.modify_index)
    await nomad.variables.delete(unique, cas=0)


async def test_bad_cas_is_refused(wire, unique):
    reply = await wire("PUT", f"/v1/var/{unique}", params={"cas": "x"}, body={"Items": ITEMS})
    assert reply.status == 400
    assert "can not parse cas" in reply.text


async def test_list_has_metadata_only_in_the_order_of_paths(nomad, wire, unique):
    for path in ("b", "a/2", "a/1"):
        await nomad.variables.put(f"{unique}/{path}", ITEMS)
    reply = await wire("GET", "/v1/vars", params={"prefix": f"{unique}/"})
    assert [row["Path"].removeprefix(f"{unique}/") for row in reply.json()] == ["a/1", "a/2", "b"]
    assert all(
        row.keys() == {"Namespace", "Path", "CreateIndex", "CreateTime", "ModifyIndex", "ModifyTime"} for row in reply.json()
    )


async def test_prefix_of_a_list_is_a_plain_one(nomad, unique):
    for path in ("a", "ab", "b"):
        await nomad.variables.put(f"{unique}/{path}", ITEMS)
    found = await nomad.variables.list(f"{unique}/a")
    assert [row.path for row in found] == [f"{unique}/a", f"{unique}/ab"]


async def test_list_by_pages(nomad, wire, unique):
    for path in "abc":
        await nomad.variables.put(f"{unique}/{path}", ITEMS)
    first = await wire("GET", "/v1/vars", params={"prefix": unique, "per_page": "2"})
    assert [row["Path"][-1] for row in first.json()] == ["a", "b"]
    token = first.headers["X-Nomad-NextToken"]
    second = await wire("GET", "/v1/vars", params={"prefix": unique, "per_page": "2", "next_token": token})
    assert [row["Path"][-1] for row in second.json()] == ["c"]
    assert "X-Nomad-NextToken" not in second.headers


async def test_empty_list_is_a_list(wire, unique):
    reply = await wire("GET", "/v1/vars", params={"prefix": unique})
    assert (reply.status, reply.text) == (200, "[]")
    assert reply.index >= 1
