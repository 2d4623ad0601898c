"""`get` and `describe`, over what an operator has written."""

import json
from typing import Any

import pytest

CRD = {
    "group": "example",
    "kind": "website",
    "versions": '["v1"]',
    "shortNames": '["ws"]',
    "columns": '{"Replicas": "spec.replicas", "URL": "status.url"}',
    "jsonSchema": "{}",
    "statusSchema": "{}",
    "producer": "website (1.0)",
}

STATUS = {
    "observedGeneration": "7",
    "url": "http://blog",
    "conditions": json.dumps(
        [
            {
                "type": "Ready",
                "status": "True",
                "reason": "Healthy",
                "message": "1 of 1 allocations are healthy",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }
        ]
    ),
    "lastApplied": json.dumps({"generation": 7, "spec": {"image": "nginx", "replicas": 3}}),
    "owned": json.dumps([{"kind": "Job", "id": "website-blog", "namespace": "default"}]),
}


@pytest.fixture
def cluster(agent: Any) -> Any:
    variables = {
        "crds/example/website": (CRD, 1),
        "resources/example/website/blog": ({"image": "nginx", "replicas": "3"}, 7),
        "status/example/website/blog": (STATUS, 8),
    }

    def put(path: str, items: dict[str, str], index: int) -> None:
        variables[path] = (items, index)
        for known, (held, at) in variables.items():
            stub = {"Path": known, "Namespace": "default", "CreateIndex": at, "ModifyIndex": at, "CreateTime": 10**18}
            agent.on("GET", f"/v1/var/{known}", {**stub, "Items": held})

    for path, (items, index) in list(variables.items()):
        put(path, items, index)
    agent.variables, agent.put = variables, put

    class Answers(dict[Any, Any]):
        def get(self, key: Any, default: Any = None) -> Any:
            if key == ("GET", "/v1/vars"):
                prefix = agent.requests[-1][1].partition("prefix=")[2].replace("%2F", "/")
                return 200, [{"Path": path, "Namespace": "default"} for path in variables if path.startswith(prefix)]
            if key[1].startswith("/v1/var/") and key[1].removeprefix("/v1/var/") not in variables:
                return 404, "variable not found"
            return super().get(key, default)

    agent.answers = Answers(agent.answers)
    return agent


def test_kinds_are_listed(run: Any, cluster: Any) -> None:
    assert run("get").out.splitlines()[1].split()[:4] == ["website", "example", "v1", "ws"]


@pytest.mark.parametrize("name", ["website", "websites", "ws", "example/website", "Website"])
def test_resources_are_listed_with_the_columns_of_their_kind(run: Any, cluster: Any, name: str) -> None:
    heading, row = run("get", name).out.splitlines()
    assert heading.split() == ["Name", "Ready", "Reason", "Replicas", "URL", "Age"]
    assert row.split()[:5] == ["blog", "True", "Healthy", "3", "http://blog"]


def test_a_change_that_is_not_dealt_with_yet(run: Any, cluster: Any) -> None:
    cluster.put("resources/example/website/blog", {"image": "other"}, 9)
    assert run("get", "ws").out.splitlines()[1].split()[1:3] == ["True", "Progressing"]


def test_a_resource_that_nobody_has_seen(run: Any, cluster: Any) -> None:
    cluster.put("resources/example/website/new", {"image": "nginx"}, 9)
    assert run("get", "ws", "new").out.splitlines()[1].split()[1:3] == ["Unknown", "NotSeen"]
    assert "no operator has seen the resource" in run("describe", "ws", "new").out


def test_a_resource_that_is_being_deleted(run: Any, cluster: Any) -> None:
    del cluster.variables["resources/example/website/blog"]
    assert run("get", "ws").out.splitlines()[1].split()[1:3] == ["False", "Deleting"]


def test_describe_shows_conditions_and_what_is_owned(run: Any, cluster: Any) -> None:
    out = run("describe", "website", "blog").out
    for part in (
        "Name                = blog",
        "image    = nginx",
        "1 of 1 allocations are healthy",
        "website-blog",
        "http://blog",
    ):
        assert part in out


def test_for_programs(run: Any, cluster: Any) -> None:
    data = json.loads(run("get", "-json", "ws", "blog").out)
    assert (data["Name"], data["Spec"]["replicas"], data["Status"]["url"]) == ("blog", 3, "http://blog")
    assert run("get", "-t", "{{range .}}{{.Name}}{{end}}", "ws").out == "blog\n"


def test_unknown_names(run: Any, cluster: Any) -> None:
    assert run("get", "nosuch").err == 'No kind "nosuch"; known kinds: example/website\n'
    assert run("get", "ws", "nosuch").err == 'No example/website "nosuch" found\n'
