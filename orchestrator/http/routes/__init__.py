"""The routes, one module for each family. A module's routes exist once it is listed here."""

from types import ModuleType

from orchestrator.http.routes import (
    acl,
    agent,
    allocations,
    client_files,
    client_tasks,
    deployments,
    evaluations,
    events,
    jobs,
    namespaces,
    nodes,
    operator,
    search,
    services,
    status,
    system,
    variables,
)

ALL: tuple[ModuleType, ...] = (
    acl,
    agent,
    allocations,
    client_files,
    client_tasks,
    deployments,
    evaluations,
    events,
    jobs,
    namespaces,
    nodes,
    operator,
    search,
    services,
    status,
    system,
    variables,
)
