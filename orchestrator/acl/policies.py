"""Changes of policies, as functions for the store's `write`."""

import base64
import hashlib
import re
from typing import Final

from nomad_api.models import ACLPolicy, ACLPolicyStub
from orchestrator.acl.policy import PolicyError, parse
from orchestrator.errors import APIError, multiple_errors
from orchestrator.state.store import Transaction

UPSERTED: Final = "ACLPolicyUpserted"
DELETED: Final = "ACLPolicyDeleted"
_NAME: Final = re.compile(r"[a-zA-Z0-9-]{1,128}")
_MAX_DESCRIPTION: Final = 256


def upsert(tx: Transaction, wanted: ACLPolicy) -> ACLPolicy:
    """Create or replace a policy.

    Raises:
        APIError: 400, naming everything that is wrong with it.
    """
    errors = _errors(wanted)
    if errors:
        raise APIError(400, f"policy 0 invalid: {multiple_errors(errors)}")
    return tx.put(wanted.evolve(hash=_hash(wanted), rules_json=None))


def delete(tx: Transaction, name: str) -> None:
    """Remove a policy; removing one that is not there is no error. Tokens that name it keep the name."""
    tx.delete("acl_policies", name)


def stub(policy: ACLPolicy) -> ACLPolicyStub:
    """A policy as it stands in lists, without its rules."""
    return ACLPolicyStub(**{name: getattr(policy, name) for name in ACLPolicyStub.model_fields})


def explained(policy: ACLPolicy) -> ACLPolicy:
    """A policy with what its rules are understood to say."""
    return policy.evolve(rules_json=parse(policy.rules).to_wire())


def _errors(policy: ACLPolicy) -> list[str]:
    errors = []
    if not _NAME.fullmatch(policy.name):
        errors.append(f"invalid name '{policy.name}'")
    try:
        parse(policy.rules)
    except PolicyError as error:
        errors.append(f"failed to parse rules: {error}")
    if len(policy.description.encode()) > _MAX_DESCRIPTION:
        errors.append(f"description longer than {_MAX_DESCRIPTION}")
    bound = policy.job_acl
    if bound and bound.job_id and not bound.namespace:
        errors.append("namespace must be set to set job ID")
    if bound and bound.group and not bound.job_id:
        errors.append("job ID must be set to set group")
    if bound and bound.task and not bound.group:
        errors.append("group must be set to set task")
    return errors


def _hash(policy: ACLPolicy) -> str:
    bound = policy.job_acl
    binding = (bound.namespace, bound.job_id, bound.group, bound.task) if bound else ()
    text = "".join((policy.name, policy.description, policy.rules, *binding))
    return base64.b64encode(hashlib.blake2b(text.encode(), digest_size=32).digest()).decode()
