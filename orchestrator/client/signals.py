"""Names of signals, as drivers and job files write them."""

import signal

NAMES = {item.name: int(item) for item in signal.Signals if not item.name.startswith("SIGRT")}


def describe(number: int) -> str:
    """What Go calls a signal: `SIGUSR1` is `user defined signal 1`."""
    return (signal.strsignal(number) or f"signal {number}").lower()
