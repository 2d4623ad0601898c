"""Events of a task: what each type is called, says and carries, as Nomad words it.

Every event carries its text twice, as `display_message` for people and as `details` for programs; the fields before both
(`exit_code`, `driver_error` …) are kept because older clients read them.
"""

from typing import Any

from nomad_api.duration import format_duration
from nomad_api.models import TaskEvent
from orchestrator.client.signals import describe

WITHIN_POLICY = "Restart within policy"
KEPT = 10
"""How many events a task remembers; older ones are forgotten."""


def received() -> TaskEvent:
    return _event("Received", "Task received by client")


def setup(message: str = "Building Task Directory") -> TaskEvent:
    return _event("Task Setup", message, {"message": message}, message=message)


def setup_failure(error: str) -> TaskEvent:
    return _event("Setup Failure", error, {"setup_error": error}, setup_error=error)


def failed_validation(error: str) -> TaskEvent:
    return _event("Failed Validation", error, {"validation_error": error}, validation_error=error)


def downloading_artifacts() -> TaskEvent:
    return _event("Downloading Artifacts", "Client is downloading artifacts")


def failed_download(error: str) -> TaskEvent:
    return _event("Failed Artifact Download", error, {"download_error": error}, download_error=error)


def driver_message(text: str, **details: str) -> TaskEvent:
    return _event("Driver", text, details or {"driver_message": text}, driver_message=text)


def driver_failure(error: str) -> TaskEvent:
    return _event("Driver Failure", error, {"driver_error": error}, driver_error=error)


def started() -> TaskEvent:
    return _event("Started", "Task started by client")


def terminated(exit_code: int, signal: int, message: str, oom_killed: bool) -> TaskEvent:
    text = f"Exit Code: {exit_code}"
    details = {"exit_code": str(exit_code), "signal": str(signal), "oom_killed": str(oom_killed).lower()}
    if signal:
        text += f", Signal: {signal}"
    if message:
        text += f', Exit Message: "{message}"'
        details["exit_message"] = message
    return _event("Terminated", text, details, exit_code=exit_code, signal=signal, message=message)


def restarting(delay: int, reason: str) -> TaskEvent:
    text = f"Task restarting in {format_duration(delay)}"
    if reason and reason != WITHIN_POLICY:
        text = f"{reason} - {text}"
    details = {"restart_reason": reason, "start_delay": str(delay)}
    return _event("Restarting", text, details, restart_reason=reason, start_delay=delay)


def not_restarting(reason: str) -> TaskEvent:
    details = {"restart_reason": reason, "fails_task": "true"}
    return _event("Not Restarting", reason, details, restart_reason=reason, fails_task=True)


def restart_requested(reason: str) -> TaskEvent:
    return _event("Restart Signaled", reason, {"restart_reason": reason}, restart_reason=reason)


def restart_by_template() -> TaskEvent:
    return _event("Restart Signaled", "Template with change_mode restart re-rendered")


def signaling(name: str) -> TaskEvent:
    return _event("Signaling", "Task being sent a signal", {"signal": name})


def signaling_because(number: int, reason: str) -> TaskEvent:
    """A signal that the agent sends of its own, for instance because a template changed."""
    text = describe(number)
    return _event("Signaling", reason, {"task_signal": text}, task_signal=text)


def template_waits(missing: list[str]) -> TaskEvent:
    text = "Missing: " + ", ".join(missing)
    return _event("Template", text)


def killing(timeout: int, reason: str = "") -> TaskEvent:
    text = reason or f"Sent interrupt. Waiting {format_duration(timeout)} before force killing"
    return _event("Killing", text, {"kill_timeout": format_duration(timeout)}, kill_timeout=timeout)


def killing_failed(reason: str) -> TaskEvent:
    """The agent gives the task up, for instance because a template of it cannot be rendered."""
    return _event("Killing", reason, {"kill_reason": reason, "fails_task": "true"}, kill_reason=reason, fails_task=True)


def waiting_for_shutdown_delay(delay: int) -> TaskEvent:
    text = f"Waiting for shutdown_delay of {format_duration(delay)} before killing the task."
    return _event("Waiting for shutdown delay", text)


def killed() -> TaskEvent:
    return _event("Killed", "Task successfully killed")


def leader_dead() -> TaskEvent:
    return _event("Leader Task Dead", "Leader Task in Group dead")


def main_tasks_dead() -> TaskEvent:
    return _event("Main Tasks Dead", "Main tasks in the group died")


def sibling_failed(name: str) -> TaskEvent:
    text = f'Task\'s sibling "{name}" failed'
    return _event("Sibling Task Failed", text, {"failed_sibling": name}, failed_sibling=name)


def unhealthy(reason: str) -> TaskEvent:
    return _event("Alloc Unhealthy", reason, {"message": reason}, message=reason)


def _event(kind: str, text: str, details: dict[str, str] | None = None, **fields: Any) -> TaskEvent:
    return TaskEvent(type=kind, display_message=text, details=details or {}, **fields)
