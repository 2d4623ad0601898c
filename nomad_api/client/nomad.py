"""`Nomad`: the client as one object, with a group of endpoints for each kind of thing."""

import copy
from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Self

from nomad_api.client.acl import ACL
from nomad_api.client.allocations import Allocations
from nomad_api.client.api import Api
from nomad_api.client.cluster import (
    Agent,
    Deployments,
    Evaluations,
    Namespaces,
    NodePools,
    Nodes,
    Search,
    Services,
    Status,
)
from nomad_api.client.events import Connected, EventStream
from nomad_api.client.jobs import Jobs
from nomad_api.client.settings import DEFAULT_ADDRESS, TLS, Settings
from nomad_api.client.transport import Transport
from nomad_api.client.variables import Variables
from nomad_api.client.volumes import CSIVolumes, HostVolumes
from nomad_api.models.event import EventBatch


class Nomad(Api):
    """An asynchronous client of Nomad's HTTP API.

        async with Nomad.from_env() as nomad:
            variable = await nomad.variables.get("resources/otel/collector/edge")
            async for snapshot in nomad.jobs.watch("web"):
                ...

    Connections are opened at need and closed with the block (or by `close`). Every failure is a `NomadError`.
    """

    def __init__(
        self,
        address: str = DEFAULT_ADDRESS,
        *,
        token: str | None = None,
        namespace: str | None = None,
        region: str | None = None,
        http_auth: str | None = None,
        tls: TLS | None = None,
    ) -> None:
        """A client for `http://HOST:PORT`, `https://HOST:PORT` or `unix:///PATH`; nothing is read from the environment.

        Raises:
            ConfigurationError: the address is none.
        """
        self._begin(Settings(address, token or "", namespace or "", region or "", http_auth or "", tls or TLS()))

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Self:
        """A client with the settings of the environment; see `Settings.from_env`."""
        return cls.from_settings(Settings.from_env(env))

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """A client with these settings."""
        client = cls.__new__(cls)
        client._begin(settings)
        return client

    def _begin(self, settings: Settings) -> None:
        super().__init__(Transport(settings), namespace=settings.namespace, region=settings.region)

    def over(self, transport: Transport) -> Self:
        """The same client over another transport, one that counts or holds back requests for example."""
        other = copy.copy(self)
        other.transport = transport
        return other

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections, also those of `scoped` copies."""
        await self.transport.close()

    @property
    def address(self) -> str:
        """Where the API is."""
        return self.transport.settings.address

    def events(
        self,
        topics: Mapping[str, Sequence[str]] | None = None,
        *,
        index: int = 0,
        namespace: str | None = None,
        reconnect: bool = True,
    ) -> AsyncIterator[Connected | EventBatch]:
        """The event stream as an asynchronous iterator of `Connected | EventBatch`.

        Args:
            topics: keys by topic, `{"Variable": ["*"], "Job": ["web"]}`; None is everything (needs a management token).
            index: begin with the batch of this index or the next; 0 begins with all that the server still remembers.
            namespace: `*` for all that exist now.
            reconnect: connect again, with growing pauses, when the stream breaks. Every connection yields `Connected`: then
                list again, for events may be lost and some will come twice. Otherwise the break is raised.
        """
        return aiter(EventStream(self, topics, index=index, namespace=namespace, reconnect=reconnect))

    @property
    def jobs(self) -> Jobs:
        return Jobs(self)

    @property
    def allocations(self) -> Allocations:
        return Allocations(self)

    @property
    def evaluations(self) -> Evaluations:
        return Evaluations(self)

    @property
    def deployments(self) -> Deployments:
        return Deployments(self)

    @property
    def nodes(self) -> Nodes:
        return Nodes(self)

    @property
    def node_pools(self) -> NodePools:
        return NodePools(self)

    @property
    def namespaces(self) -> Namespaces:
        return Namespaces(self)

    @property
    def services(self) -> Services:
        return Services(self)

    @property
    def variables(self) -> Variables:
        return Variables(self)

    @property
    def host_volumes(self) -> HostVolumes:
        return HostVolumes(self)

    @property
    def csi_volumes(self) -> CSIVolumes:
        return CSIVolumes(self)

    @property
    def acl(self) -> ACL:
        return ACL(self)

    @property
    def agent(self) -> Agent:
        return Agent(self)

    @property
    def status(self) -> Status:
        return Status(self)

    @property
    def search(self) -> Search:
        return Search(self)
