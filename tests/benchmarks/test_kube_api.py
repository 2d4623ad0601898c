"""The small Kubernetes API must not make kopf wait or try again, or its figures would be worse than it deserves."""

import asyncio
from collections.abc import AsyncIterator

import orjson
import pytest
from aiohttp.test_utils import TestClient, TestServer

from benchmarks.rivals.kopf.kube_api import KubeApi

NOTES = "/apis/bench.example/v1/namespaces/default/notes"


@pytest.fixture
async def api() -> AsyncIterator[TestClient]:
    async with TestClient(TestServer(KubeApi(2).application())) as client:
        yield client


async def patch(api: TestClient, body: object, kind: str) -> tuple[int, dict]:
    async with api.patch(
        f"{NOTES}/n0", data=orjson.dumps(body), headers={"Content-Type": f"application/{kind}+json"}
    ) as answer:
        return answer.status, await answer.json()


async def test_a_merge_patch_changes_what_it_names_and_removes_what_is_null(api):
    _, before = await patch(api, {"metadata": {"annotations": {"a": "1", "b": "2"}}}, "merge-patch")

    status, after = await patch(api, {"metadata": {"annotations": {"a": None}}}, "merge-patch")

    assert status == 200
    assert after["metadata"]["annotations"] == {"b": "2"}
    assert int(after["metadata"]["resourceVersion"]) > int(before["metadata"]["resourceVersion"])


async def test_a_json_patch_is_applied_only_to_the_version_that_it_tests(api):
    _, present = await patch(api, {}, "merge-patch")
    version = present["metadata"]["resourceVersion"]
    operations = [
        {"op": "test", "path": "/metadata/resourceVersion", "value": version},
        {"op": "add", "path": "/metadata/finalizers", "value": ["kopf"]},
    ]

    assert (await patch(api, operations, "json-patch"))[1]["metadata"]["finalizers"] == ["kopf"]
    assert (await patch(api, operations, "json-patch"))[0] == 422


async def test_a_watch_goes_on_from_the_version_of_the_list(api):
    async with api.get("/apis/bench.example/v1/notes") as answer:
        listed = await answer.json()
    await patch(api, {"spec": {"round": "1"}}, "merge-patch")

    parameters = {"watch": "true", "resourceVersion": listed["metadata"]["resourceVersion"]}
    async with api.get("/apis/bench.example/v1/notes", params=parameters) as stream, asyncio.timeout(5):
        first = orjson.loads(await stream.content.readline())
        await patch(api, {"spec": {"round": "2"}}, "merge-patch")
        second = orjson.loads(await stream.content.readline())

    assert [(event["type"], event["object"]["spec"]["round"]) for event in (first, second)] == [
        ("MODIFIED", "1"),
        ("MODIFIED", "2"),
    ]
    assert len(listed["items"]) == 2
