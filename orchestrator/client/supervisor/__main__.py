"""The parent of one task: starts it, writes its output into log files, records its end, and outlives the agent.

Run as `python -I -S <this folder>`, it imports little and so starts in some fifteen milliseconds. The agent sends one JSON
document on standard input and reads one line from standard output: `{"pid": …}` or `{"error": …}`. From then on the two share
only the folder of the run:

    alive         a FIFO that the supervisor holds open; whoever reads it sees the end of file when the supervisor is gone
    started.json  the process id of the task, its leader's group, and when the kernel started it
    exit.json     how the task ended

An agent that died before it sent the whole document leaves no trace: the supervisor reads no valid JSON and ends. An agent
that gave a run up removes its folder: the FIFO cannot be opened, and the supervisor ends without starting anything.
"""

import contextlib
import json
import os
import select
import signal
import sys
import time

from rotation import RotatingFile  # type: ignore[import-not-found]  # found because this folder is what is run

READ_SIZE = 65536
DRAIN_SECONDS = 1.0
"""How long output is awaited from processes that left the task's group and still hold its pipes when the task has ended."""


def main() -> int:
    try:
        task = json.loads(sys.stdin.buffer.read())
        os.open(os.path.join(task["directory"], "alive"), os.O_RDWR | os.O_CLOEXEC)
    except (ValueError, OSError):
        return 1
    os.chdir("/")
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    wakeup, wakeup_end = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    signal.set_wakeup_fd(wakeup_end, warn_on_full_buffer=False)
    stdout, stdout_end = os.pipe2(os.O_CLOEXEC)
    stderr, stderr_end = os.pipe2(os.O_CLOEXEC)
    outputs = {stdout: open_log(task["stdout"]), stderr: open_log(task["stderr"])}
    try:
        pid = start(task, stdout_end, stderr_end)
    except OSError as error:
        answer({"error": error.strerror or str(error)})
        return 1
    os.close(stdout_end)
    os.close(stderr_end)
    record(task["directory"], "started.json", {"pid": pid, "started": start_time(pid)})
    answer({"pid": pid})
    status = pump(pid, wakeup, outputs)
    code, killer = (128 + os.WTERMSIG(status), os.WTERMSIG(status)) if os.WIFSIGNALED(status) else (os.WEXITSTATUS(status), 0)
    record(task["directory"], "exit.json", {"exit_code": code, "signal": killer, "time": time.time_ns()})
    return 0


def start(task: dict, stdout: int, stderr: int) -> int:
    """Start the task as the leader of its own session; raises OSError if it cannot be run."""
    failed, failed_end = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        try:
            os.setsid()
            for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
            os.dup2(stdout, 1)
            os.dup2(stderr, 2)
            os.chdir(task["cwd"])
            if task["oom_score_adj"]:
                with open("/proc/self/oom_score_adj", "w") as file:
                    file.write(str(task["oom_score_adj"]))
            if task["user"]:
                name, uid, gid = task["user"]
                os.initgroups(name, gid)
                os.setgid(gid)
                os.setuid(uid)
            os.execve(task["command"], [task["command"], *task["args"]], task["env"])
        except OSError as error:
            os.write(failed_end, str(error.errno).encode())
        finally:
            os._exit(127)
    os.close(failed_end)
    reason = os.read(failed, 16)
    os.close(failed)
    if reason:
        os.waitpid(pid, 0)
        raise OSError(int(reason), os.strerror(int(reason)))
    return pid


def pump(pid: int, wakeup: int, outputs: dict[int, RotatingFile | None]) -> int:
    """Copy output until the task has ended and nothing more can come; returns its wait status."""
    poller = select.poll()
    for descriptor in (wakeup, *outputs):
        poller.register(descriptor, select.POLLIN)
    status = None
    deadline = None
    while status is None or outputs:
        wait: float | None = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
        ready = poller.poll(wait)
        if wait == 0.0 or not ready:
            break
        for descriptor, _ in ready:
            if descriptor == wakeup:
                os.read(wakeup, READ_SIZE)
                ended, value = os.waitpid(pid, os.WNOHANG) if status is None else (0, 0)
                if ended:
                    status = value
                    deadline = time.monotonic() + DRAIN_SECONDS
                    kill_rest(pid)
            elif data := os.read(descriptor, READ_SIZE):
                if outputs[descriptor]:
                    outputs[descriptor].write(data)
            else:
                poller.unregister(descriptor)
                del outputs[descriptor]
    return status or 0


def kill_rest(group: int) -> None:
    """A task ends with its first process: whatever else is left of its group goes with it."""
    with contextlib.suppress(OSError):
        os.killpg(group, signal.SIGKILL)


def open_log(log: dict | None) -> RotatingFile | None:
    return RotatingFile(log["directory"], log["name"], log["max_files"], log["max_bytes"]) if log else None


def start_time(pid: int) -> int:
    """When the kernel started a process, in clock ticks since boot: with the process id it names a process for good."""
    with open(f"/proc/{pid}/stat") as file:
        return int(file.read().rpartition(")")[2].split()[19])


def record(directory: str, name: str, value: dict) -> None:
    """Write a file that is either there and whole, or not there."""
    path = os.path.join(directory, name)
    with contextlib.suppress(OSError):
        with open(path + ".new", "w") as file:
            json.dump(value, file)
        os.rename(path + ".new", path)


def answer(value: dict) -> None:
    """Tell the agent, if it is still there, and let go of it."""
    with contextlib.suppress(OSError):
        os.write(1, json.dumps(value).encode() + b"\n")
    null = os.open("/dev/null", os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)


if __name__ == "__main__":
    sys.exit(main())
