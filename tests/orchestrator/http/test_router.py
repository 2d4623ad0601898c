"""From a path to its route."""

import pytest

from orchestrator.http.permission import anyone
from orchestrator.http.route import Route
from orchestrator.http.router import Router

PATTERNS = ["/v1/jobs", "/v1/job/{job_id+}", "/v1/job/{job_id+}/summary", "/v1/var/{path+}", "/v1/node/{node_id}"]
ROUTER = Router(Route(pattern, frozenset({"GET"}), "read", lambda call: None, anyone) for pattern in PATTERNS)


@pytest.mark.parametrize(
    ("path", "pattern", "values"),
    [
        ("/v1/jobs", "/v1/jobs", {}),
        ("/v1/job/web", "/v1/job/{job_id+}", {"job_id": "web"}),
        ("/v1/job/a/b", "/v1/job/{job_id+}", {"job_id": "a/b"}),
        ("/v1/job/a/b/summary", "/v1/job/{job_id+}/summary", {"job_id": "a/b"}),
        ("/v1/job/a%2Fb/summary", "/v1/job/{job_id+}/summary", {"job_id": "a/b"}),
        ("/v1/job/web/other", "/v1/job/{job_id+}", {"job_id": "web/other"}),
        ("/v1/var/a%20b%0Ac", "/v1/var/{path+}", {"path": "a b\nc"}),
        ("/v1/node/n", "/v1/node/{node_id}", {"node_id": "n"}),
    ],
)
def test_known_paths(path: str, pattern: str, values: dict[str, str]) -> None:
    routes, found = ROUTER.find(path)
    assert [route.pattern for route in routes.values()] == [pattern]
    assert found == values


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/nope", "/v1/jobs/", "/v1/Jobs", "/v2/jobs", "/v1/node/a/b"])
def test_unknown_paths(path: str) -> None:
    assert ROUTER.find(path) == ({}, {})
