"""Errors of the client's operations, one type for each thing a caller may want to answer differently. Texts are Nomad's."""


class ClientError(Exception):
    """An operation on an allocation of this node failed."""


class UnknownAllocation(ClientError):
    def __init__(self, allocation_id: str) -> None:
        super().__init__(f'Unknown allocation "{allocation_id}"')


class UnknownTask(ClientError):
    def __init__(self, task: str) -> None:
        super().__init__(f'unknown task name "{task}"')
        self.task = task


class TaskNotStarted(ClientError):
    """Logs were asked of a task that has written none because it has not run."""

    def __init__(self, task: str) -> None:
        super().__init__(f'task "{task}" not started yet. No logs available')


class TaskNotRunning(ClientError):
    def __init__(self) -> None:
        super().__init__("Task not running")


class NotRestartable(ClientError):
    """All tasks of an allocation were to restart, but it is being stopped."""

    def __init__(self) -> None:
        super().__init__("restart of an alloc that should not run")


class SignalFailed(ClientError):
    """A task could not be sent a signal."""


class PathError(ClientError):
    """A file of an allocation cannot be had: missing, outside the allocation, a folder, or secret."""


class MissingFile(PathError):
    """There is no such file."""
