from orchestrator.client.config import ClientConfig
from orchestrator.client.drivers.base import *
from orchestrator.client.drivers.base import AbsentDriver


class Docker(AbsentDriver):
    container = True

    def __init__(self, config: ClientConfig) -> None:
        super().__init__("docker")
