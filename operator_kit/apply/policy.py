"""ACL policies. They have no Meta, so their marks are comments above the rules, which Nomad keeps as they are:

    # operator.owner = resources/example/website/blog
    # operator.owner_uid = 42
    namespace "default" { policy = "read" }

Nomad has no check-and-set for them.
"""

import re
from collections.abc import Collection, Mapping
from typing import Final

from nomad_api.client import Nomad
from nomad_api.models import ACLPolicy
from operator_kit.apply.fields import Tree
from operator_kit.apply.tree_kind import TreeKind
from operator_kit.apply.wire_fields import INDEXES, all_fields, given_fields, modify_index
from operator_kit.ownership import MARKS

_MARK: Final = re.compile(rf"# ({'|'.join(map(re.escape, MARKS))}) = (.*)\n")
_POLICY_SERVERS: Final = INDEXES | {"RulesJSON"}


def _policy_fields(policy: ACLPolicy) -> Tree:
    rules, marks = policy.rules, {}
    while match := _MARK.match(rules):
        marks[match[1]] = match[2]
        rules = rules[match.end() :]
    return {**all_fields(_POLICY_SERVERS)(policy), "Rules": rules, "Meta": marks}


def _policy(id: str, tree: Tree, live: ACLPolicy | None) -> ACLPolicy:
    marks: Mapping[str, str] = tree.get("Meta") or {}
    comments = "".join(f"# {key} = {marks[key]}\n" for key in MARKS if key in marks)
    rest = {key: value for key, value in tree.items() if key != "Meta"}
    return ACLPolicy.model_validate({**rest, "Rules": comments + (tree.get("Rules") or "")})


async def _put_policy(nomad: Nomad, policy: ACLPolicy, index: int, fields: Collection[str]) -> None:
    await nomad.acl.upsert_policy(policy)


async def _policies(nomad: Nomad) -> list[str]:
    return [policy.name for policy in await nomad.acl.policies()]


ACL_POLICY: Final = TreeKind[ACLPolicy](
    name="ACLPolicy",
    noun="ACL policy",
    namespaced=False,
    id=lambda wish: wish.name,
    wish=given_fields(_POLICY_SERVERS),
    tree=_policy_fields,
    build=_policy,
    index=modify_index,
    get=lambda nomad, id: nomad.acl.policy(id),
    listed=_policies,
    put=_put_policy,
    remove=lambda nomad, policy, fields: nomad.acl.delete_policy(policy.name),
)
