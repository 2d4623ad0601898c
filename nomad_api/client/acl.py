"""ACLs: bootstrap, policies and tokens."""

from typing import Any

from nomad_api.client.api import segment
from nomad_api.client.collection import Endpoints
from nomad_api.models.acl import ACLPolicy, ACLPolicyStub, ACLToken, ACLTokenStub


class ACL(Endpoints):
    """`nomad.acl`. Where ACLs are off, everything here raises `BadRequest` ("ACL support disabled")."""

    async def bootstrap(self, secret: str = "") -> ACLToken:
        """The first management token; `secret` (a UUID) becomes its secret instead of a random one.

        Raises:
            BadRequest: it was done already.
        """
        body = {"BootstrapSecret": secret} if secret else None
        return ACLToken.model_validate(await self._api.write("PUT", "acl/bootstrap", body))

    async def policies(self) -> list[ACLPolicyStub]:
        return await self._many(ACLPolicyStub, "acl/policies")

    async def policy(self, name: str) -> ACLPolicy:
        return await self._one(ACLPolicy, f"acl/policy/{segment(name)}")

    async def own_policies(self) -> list[ACLPolicy]:
        """The policies of this client's token or workload identity."""
        return await self._many(ACLPolicy, "acl/policy/self")

    async def upsert_policy(self, policy: ACLPolicy) -> None:
        """Create or replace a policy. With `job_acl` the identities of that job have it without a token."""
        body: dict[str, Any] = {"Name": policy.name, "Description": policy.description, "Rules": policy.rules}
        if policy.job_acl is not None:
            body["JobACL"] = policy.job_acl.to_wire()
        await self._api.write("PUT", f"acl/policy/{segment(policy.name)}", body)

    async def delete_policy(self, name: str) -> None:
        await self._api.write("DELETE", f"acl/policy/{segment(name)}")

    async def tokens(self, prefix: str = "", **params: Any) -> list[ACLTokenStub]:
        return await self._many(ACLTokenStub, "acl/tokens", {"prefix": prefix or None, **params})

    async def token(self, accessor_id: str) -> ACLToken:
        return await self._one(ACLToken, f"acl/token/{segment(accessor_id)}")

    async def self(self) -> ACLToken:
        """The token of this client."""
        return await self._one(ACLToken, "acl/token/self")

    async def create_token(
        self,
        name: str = "",
        *,
        type: str = "client",
        policies: list[str] | None = None,
        roles: list[dict[str, str]] | None = None,
        global_: bool = False,
        ttl: str = "",
    ) -> ACLToken:
        """Make a token.

        Args:
            type: `client` (needs policies or roles) or `management` (must have none).
            roles: each with `ID` or `Name`.
            ttl: a duration such as `8h`; empty never expires.
        """
        body: dict[str, Any] = {"Name": name, "Type": type, "Policies": policies, "Roles": roles, "Global": global_}
        if ttl:
            body["ExpirationTTL"] = ttl
        return ACLToken.model_validate(await self._api.write("PUT", "acl/token", body))

    async def update_token(self, token: ACLToken) -> ACLToken:
        """Change a token's name, type or policies; its accessor ID says which."""
        path = f"acl/token/{segment(token.accessor_id)}"
        return ACLToken.model_validate(await self._api.write("PUT", path, token.to_wire()))

    async def delete_token(self, accessor_id: str) -> None:
        await self._api.write("DELETE", f"acl/token/{segment(accessor_id)}")
