"""The routes, one module for each family. A module's routes exist once it is listed here."""

from types import ModuleType

from orchestrator.http.routes import allocations, client_files, client_tasks, deployments, evaluations, events, jobs, variables

ALL: tuple[ModuleType, ...] = (allocations, client_files, client_tasks, deployments, evaluations, events, jobs, variables)
