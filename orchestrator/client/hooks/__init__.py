"""What is made ready around a task before it starts: payload, identities, the task API, artifacts, templates."""

from orchestrator.client.hooks.artifacts import ArtifactsHook
from orchestrator.client.hooks.base import HookError, TaskHook, TaskScope
from orchestrator.client.hooks.dispatch_payload import DispatchPayloadHook
from orchestrator.client.hooks.identity import identity_hooks
from orchestrator.client.hooks.task_api import TaskApiHook
from orchestrator.client.hooks.templates import TemplatesHook

__all__ = ["HookError", "TaskHook", "TaskScope", "task_hooks"]


def task_hooks(scope: TaskScope) -> list[TaskHook]:
    """The hooks of a task in the order in which they run: each may use what those before it made."""
    return [DispatchPayloadHook(scope), *identity_hooks(scope), TaskApiHook(scope), ArtifactsHook(scope), TemplatesHook(scope)]
