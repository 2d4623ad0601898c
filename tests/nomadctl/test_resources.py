"""`get` and `describe`, over what an operator has written."""

import json
from typing import Any

import pytest

CRD = {
    "group": "example",
    "kind": "website",
    "versions": '[{"name": "v1", "jsonSchema": {}}, {"name": "v2", "jsonSchema": {}}]',
    "storedVersion": "v1",
    "shortNames": '["ws"]',
    "categories": '["all", "web"]',
    "selectable": '["spec.replicas"]',
    "columns": '{"Replicas": "spec.replicas", "URL": "status.url"}',
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
    "lastApplied": json.dumps({"generation": 7, "version": "v2", "writtenAs": "v1", "spec": {"image": "nginx", "replicas": 3}}),
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
    assert run("get").out.splitlines()[1].split()[:4] == ["website", "example", "v1,v2", "ws"]


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
        "Version             = v1",
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


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("", ["blog", "shop"]),
        ("team=core", ["shop"]),
        ("team!=core", ["blog"]),
        ("team in (core, web),!old", ["shop"]),
        ("spec.replicas=3", ["blog"]),
    ],
)
def test_resources_are_selected_by_labels_and_fields(run: Any, cluster: Any, selector: str, names: list[str]) -> None:
    cluster.put("resources/example/website/shop", {"image": "nginx", "replicas": "1", "labels.team": "core"}, 9)
    lines = run("get", "-selector", selector, "ws").out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == names


def test_a_deleted_resource_is_selected_by_what_it_was(run: Any, cluster: Any) -> None:
    del cluster.variables["resources/example/website/blog"]
    labelled = {"generation": 7, "labels": {"team": "core"}, "spec": {}}
    cluster.put("status/example/website/blog", {**STATUS, "lastApplied": json.dumps(labelled)}, 9)
    assert run("get", "-selector", "team=core", "ws").out.splitlines()[1].split()[0] == "blog"
    assert run("get", "-selector", "team=other", "ws").out == "No resources of kind example/website found\n"


def test_what_cannot_be_selected_by_is_told(run: Any, cluster: Any) -> None:
    told = run("get", "-selector", "spec.replica=3", "ws")
    assert told.err == "Error reading the selector: spec.replica is not a selectable field; did you mean spec.replicas?\n"
    assert '"team core" is not a selector' in run("get", "-selector", "team core", "ws").err


def test_all_kinds_of_a_category_are_listed(run: Any, cluster: Any) -> None:
    cluster.put("crds/example/shop", {**CRD, "kind": "shop", "shortNames": "[]", "columns": "{}"}, 2)
    cluster.put("crds/example/tool", {**CRD, "kind": "tool", "shortNames": "[]", "categories": "[]"}, 3)
    cluster.put("resources/example/shop/books", {"image": "nginx"}, 9)
    cluster.put("resources/example/tool/saw", {"image": "nginx"}, 9)
    lines = [line.split() for line in run("get", "all").out.splitlines() if line]
    assert [line[0] for line in lines] == ["example/website", "Name", "blog", "example/shop", "Name", "books"]
    assert "books" not in run("get", "-selector", "spec.replicas=3", "all").out
    assert run("get", "-selector", "team=none", "all").out == "No resources of the kinds example/website, example/shop found\n"
    assert [one["Name"] for one in json.loads(run("get", "-json", "all").out)] == ["blog", "books"]
    assert run("get", "all", "blog").err.startswith('No kind "all"; known kinds: ')


def test_a_kind_goes_before_a_category_of_its_name(run: Any, cluster: Any) -> None:
    cluster.put("crds/example/web", {**CRD, "kind": "web", "shortNames": "[]"}, 2)
    assert run("get", "web").out == "No resources of kind example/web found\n"


def test_unknown_names(run: Any, cluster: Any) -> None:
    assert run("get", "nosuch").err == 'No kind "nosuch"; known kinds: example/website\n'
    assert run("get", "ws", "nosuch").err == 'No example/website "nosuch" found\n'
