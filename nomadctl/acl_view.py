"""ACL tokens and policies in words."""

from typing import TYPE_CHECKING

from nomadctl.output import heading, moment, pairs, table

if TYPE_CHECKING:
    from nomad_api.models import ACLPolicy, ACLToken


def token_text(token: "ACLToken") -> str:
    """A token with its secret."""
    management = token.type == "management"
    rows: list[tuple[str, object]] = [
        ("Accessor ID", token.accessor_id),
        ("Secret ID", token.secret_id),
        ("Name", token.name),
        ("Type", token.type),
        ("Global", token.global_),
        ("Create Time", moment(token.create_time)),
        ("Expiry Time", moment(token.expiration_time)),
        ("Create Index", token.create_index),
        ("Modify Index", token.modify_index),
        ("Policies", "n/a" if management else token.policies or []),
    ]
    if management:
        return pairs([*rows, ("Roles", "n/a")])
    roles = table([("ID", "Name"), *((role.id, role.name) for role in token.roles)]) if token.roles else "<none>"
    return f"{pairs(rows)}\n\nRoles\n{roles}"


def policy_text(policy: "ACLPolicy") -> str:
    """A policy with its rules."""
    rows: list[tuple[str, object]] = [
        ("Name", policy.name),
        ("Description", policy.description),
        ("CreateIndex", policy.create_index),
        ("ModifyIndex", policy.modify_index),
    ]
    text = pairs(rows)
    if job := policy.job_acl:
        workload = [("Namespace", job.namespace), ("JobID", job.job_id), ("Group", job.group), ("Task", job.task)]
        text += f"\n{heading('Associated Workload')}\n{pairs(workload)}"
    return f"{text}\n{heading('Rules')}\n\n{policy.rules}"
