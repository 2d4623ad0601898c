"""The driver docker: a task is a container of a Docker engine on this machine."""

from orchestrator.client.drivers.docker.driver import Docker

__all__ = ["Docker"]
