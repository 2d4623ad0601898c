"""Services that Nomad itself knows (provider `nomad`)."""

from nomad_api.models.base import Wire


class ServiceRegistration(Wire):
    """One instance of a service: where an allocation offers it."""

    id: str
    service_name: str = ""
    namespace: str = ""
    node_id: str = ""
    datacenter: str = ""
    job_id: str = ""
    alloc_id: str = ""
    tags: list[str] | None = None
    address: str = ""
    port: int = 0
    create_index: int = 0
    modify_index: int = 0


class ServiceStub(Wire):
    service_name: str = ""
    tags: list[str] | None = None


class ServiceList(Wire):
    """The services of one namespace."""

    namespace: str = ""
    services: list[ServiceStub] | None = None
