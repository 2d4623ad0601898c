"""What a namespace does not let its jobs use: task drivers and network modes."""

from collections.abc import Iterator

from nomad_api.models import Job, Namespace


def namespace_problems(namespace: Namespace, job: Job) -> Iterator[str]:
    """A text for each kind of thing that the job uses and may not."""
    groups = job.task_groups or ()
    drivers = [task.driver for group in groups for task in group.tasks or ()]
    modes = [network.mode or "host" for group in groups for network in group.networks or ()]
    yield from _refused(namespace, "task driver", drivers, "EnabledTaskDrivers", "DisabledTaskDrivers")
    yield from _refused(namespace, "group network mode", modes, "EnabledNetworkModes", "DisabledNetworkModes")


def _refused(namespace: Namespace, what: str, used: list[str], enabled: str, disabled: str) -> Iterator[str]:
    """Where anything is enabled by name, only that may be used; what is disabled may not in any case."""
    capabilities = namespace.capabilities or {}
    allowed, denied = capabilities.get(enabled) or (), capabilities.get(disabled) or ()
    refused = [name for name in used if name in denied or (allowed and name not in allowed)]
    if len(refused) == 1:
        yield f'used {what} "{refused[0]}" is not allowed in namespace "{namespace.name}"'
    elif refused:
        names = " ".join(f'"{name}"' for name in refused)
        yield f'used {what}s [{names}] are not allowed in namespace "{namespace.name}"'
