"""The routes, one module for each family. A module's routes exist once it is listed here."""

from types import ModuleType

from orchestrator.http.routes import allocations, deployments, evaluations, events, jobs, variables

ALL: tuple[ModuleType, ...] = (allocations, deployments, evaluations, events, jobs, variables)
