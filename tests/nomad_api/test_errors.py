import pytest

from nomad_api.errors import APIError, BadRequest, Conflict, Forbidden, NotFound, ServerError, TooManyRequests, error_for
from nomad_api.models import Variable


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, BadRequest),
        (401, Forbidden),
        (403, Forbidden),
        (404, NotFound),
        (405, APIError),
        (409, Conflict),
        (429, TooManyRequests),
        (500, ServerError),
        (503, ServerError),
    ],
)
def test_the_status_chooses_the_class(status: int, kind: type[APIError]) -> None:
    error = error_for(status, "why", "GET", "/v1/jobs", index=7)
    assert type(error) is kind
    assert (error.status, error.message, error.method, error.path, error.index) == (status, "why", "GET", "/v1/jobs", 7)
    assert str(error) == f"GET /v1/jobs: why ({status})"


@pytest.mark.parametrize(
    ("status", "message", "retryable"),
    [
        (500, "1 error occurred: Missing job ID", False),
        (500, "No cluster leader", True),
        (501, "Nomad Enterprise only endpoint", False),
        (502, "", True),
        (503, "", True),
        (429, "", True),
        (403, "Permission denied", False),
    ],
)
def test_only_passing_failures_are_retryable(status: int, message: str, retryable: bool) -> None:
    assert error_for(status, message, "PUT", "/v1/jobs").retryable is retryable


def test_a_conflict_does_not_tell_the_items() -> None:
    error = error_for(409, '{"Items":{"password":"secret"}}', "PUT", "/v1/var/a")
    assert isinstance(error, Conflict)
    error.current = Variable(path="a", items={"password": "secret"})
    assert "secret" not in str(error)
