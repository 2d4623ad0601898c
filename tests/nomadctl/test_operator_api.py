from typing import Any

import pytest

from nomadctl.commands import operator_api


@pytest.mark.parametrize(
    ("where", "sent"),
    [
        ("v1/jobs", "/v1/jobs"),
        ("http://elsewhere:1/v1/jobs?prefix=a b", "/v1/jobs?prefix=a+b"),
        ("/v1/var/a b/ü", "/v1/var/a%20b/%C3%BC"),
        ("/v1/job/a%2Fb~c@d", "/v1/job/a%2Fb~c@d"),
    ],
)
def test_a_path_is_encoded_where_people_have_not_done_it(
    run: Any, monkeypatch: pytest.MonkeyPatch, where: str, sent: str
) -> None:
    monkeypatch.setattr(operator_api, "interactive", lambda stream: True)
    printed = run("operator", "api", "-dryrun", "-address", "http://nomad:1", where).out
    assert printed.split()[-1] == f"http://nomad:1{sent}"
