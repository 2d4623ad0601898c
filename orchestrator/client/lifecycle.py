"""In which order the tasks of a group run: prestart, main, poststart, poststop, and sidecars beside the main ones.

Pure functions over the states of all tasks; the allocation's runner asks after every change.
"""

from collections.abc import Mapping

from nomad_api.models import Task, TaskState


def hook(task: Task) -> str:
    """`prestart`, `poststart` or `poststop`; empty for a main task."""
    return task.lifecycle.hook if task.lifecycle else ""


def is_sidecar(task: Task) -> bool:
    return bool(task.lifecycle and task.lifecycle.sidecar and hook(task) != "poststop")


def may_start(task: Task, tasks: Mapping[str, Task], states: Mapping[str, TaskState]) -> bool:
    """Whether a task's turn has come."""
    match hook(task):
        case "prestart":
            return True
        case "poststart":
            return all(states[name].state == "running" for name, other in tasks.items() if not hook(other))
        case "poststop":
            return all(states[name].state == "dead" for name, other in tasks.items() if hook(other) != "poststop")
    return all(_out_of_the_way(other, states[name]) for name, other in tasks.items() if hook(other) == "prestart")


def _out_of_the_way(task: Task, state: TaskState) -> bool:
    return state.state == "running" if is_sidecar(task) else state.successful


def client_status(states: Mapping[str, TaskState]) -> tuple[str, str]:
    """Status and description of an allocation, from the states of its tasks."""
    found = {state.state for state in states.values()}
    if any(state.state == "dead" and state.failed for state in states.values()):
        return "failed", "Failed tasks"
    if "running" in found:
        return "running", "Tasks are running"
    if "pending" in found or not found:
        return "pending", "No tasks have started"
    return "complete", "All tasks have completed"
