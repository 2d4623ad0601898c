"""ACL tokens and policies."""

from typing import Any

from pydantic import Field

from nomad_api.models.base import Wire
from nomad_api.models.job import Sparse


class JobACL(Wire):
    """The workload that a policy is bound to: its identities have the policy without any token naming it."""

    namespace: str = ""
    job_id: str = ""
    group: str = ""
    task: str = ""


class ACLPolicyStub(Wire):
    name: str = ""
    description: str = ""
    job_acl: JobACL | None = None
    hash: str | None = None
    create_index: int = 0
    modify_index: int = 0


class ACLPolicy(ACLPolicyStub):
    """A policy: rules in Nomad's policy language (HCL). `rules_json` is how the server reads them."""

    rules: str = ""
    rules_json: dict[str, Any] | None = None


class ACLTokenRole(Wire):
    id: str = ""
    name: str = ""


class ACLTokenStub(Wire):
    """A token in a list: everything but its secret. Times are RFC 3339 texts."""

    accessor_id: str = ""
    name: str = ""
    type: str = ""
    policies: list[str] | None = None
    roles: list[ACLTokenRole] | None = None
    global_: bool = Field(default=False, alias="Global")
    hash: str | None = None
    create_time: str = ""
    expiration_time: str | None = None
    create_index: int = 0
    modify_index: int = 0


class ACLToken(ACLTokenStub):
    """A token: `secret_id` is what a client sends."""

    secret_id: str = ""
    expiration_ttl: Sparse[str]
