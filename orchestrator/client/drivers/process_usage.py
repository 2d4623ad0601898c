"""What a process and its descendants use."""

import psutil

from orchestrator.client.drivers.base import TaskUsage


def process_usage(pid: int) -> TaskUsage | None:
    """Measured together and each for itself; None if the process is gone or may not be looked at."""
    try:
        leader = psutil.Process(pid)
        processes = [leader, *leader.children(recursive=True)]
    except psutil.Error:
        return None
    each = {}
    for process in processes:
        try:
            with process.oneshot():
                times = process.cpu_times()
                each[process.pid] = TaskUsage(process.memory_info().rss, times.user, times.system)
        except psutil.Error:
            continue  # it has just ended
    return TaskUsage(
        sum(usage.rss for usage in each.values()),
        sum(usage.user_seconds for usage in each.values()),
        sum(usage.system_seconds for usage in each.values()),
        each,
    )
