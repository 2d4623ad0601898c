"""What checking a collector configuration found.

Checks do not stop at the first fault: whoever edits a configuration wants the whole list. They write into one
`Findings`; problems refuse the configuration, warnings accompany it into the resource's status.
"""

from collections.abc import Sequence


class ConfigError(ValueError):
    """A collector configuration that cannot run. `problems` has one line each: where, what, and how to cure it."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


class Findings:
    """Collects problems and warnings, each named by the dotted path of the key it concerns."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.warnings: list[str] = []

    def problem(self, where: str, what: str) -> None:
        self.problems.append(f"{where}: {what}")

    def warning(self, where: str, what: str) -> None:
        self.warnings.append(f"{where}: {what}")

    def raise_problems(self) -> None:
        """Raise `ConfigError` when there is any problem."""
        if self.problems:
            raise ConfigError(self.problems)
