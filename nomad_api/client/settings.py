"""Where the API is and how to get in: address, token, namespace, region and TLS, from arguments or the environment."""

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import unquote, urlsplit

from nomad_api.errors import ConfigurationError

DEFAULT_ADDRESS: Final = "http://127.0.0.1:4646"


@dataclass(frozen=True, slots=True)
class TLS:
    """How to trust the server and to present oneself: paths of PEM files, as `NOMAD_CACERT` and its siblings give them."""

    ca_cert: str = ""
    ca_path: str = ""
    client_cert: str = ""
    client_key: str = ""
    server_name: str = ""
    skip_verify: bool = False

    def context(self) -> ssl.SSLContext:
        """The context for connections.

        Raises:
            ConfigurationError: a file is missing or unreadable, or only one of certificate and key is given.
        """
        if bool(self.client_cert) != bool(self.client_key):
            raise ConfigurationError("both a client certificate and a client key are needed, or neither")
        try:
            context = ssl.create_default_context(cafile=self.ca_cert or None, capath=self.ca_path or None)
            if self.client_cert:
                context.load_cert_chain(self.client_cert, self.client_key)
        except OSError as error:
            files = ", ".join(filter(None, (self.ca_cert, self.ca_path, self.client_cert, self.client_key)))
            raise ConfigurationError(f"cannot load the TLS files {files}: {error}") from error
        if self.skip_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


@dataclass(frozen=True, slots=True)
class Settings:
    """All that a client needs to know. `namespace` and `region` are sent only when set, as Nomad's own client does."""

    address: str = DEFAULT_ADDRESS
    token: str = ""
    namespace: str = ""
    region: str = ""
    http_auth: str = ""
    tls: TLS = TLS()

    def __post_init__(self) -> None:
        url = urlsplit(self.address)
        if url.scheme not in ("http", "https", "unix"):
            raise ConfigurationError(
                f'"{self.address}" is not an address of Nomad: write http://HOST:PORT, https://HOST:PORT or unix:///PATH'
            )
        if (url.scheme == "unix" and not self.socket_path) or (url.scheme != "unix" and not url.hostname):
            raise ConfigurationError(f'the address "{self.address}" names no {"path" if url.scheme == "unix" else "host"}')

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Self:
        """Settings from `NOMAD_ADDR`, `NOMAD_TOKEN`, `NOMAD_NAMESPACE`, `NOMAD_REGION`, `NOMAD_HTTP_AUTH`, `NOMAD_CACERT`,
        `NOMAD_CAPATH`, `NOMAD_CLIENT_CERT`, `NOMAD_CLIENT_KEY`, `NOMAD_TLS_SERVER_NAME` and `NOMAD_SKIP_VERIFY`.

        Inside a task, which has `NOMAD_UNIX_ADDR` and usually no `NOMAD_ADDR`, the task API socket is used.
        """
        env = os.environ if env is None else env
        return cls(
            address=env.get("NOMAD_ADDR") or env.get("NOMAD_UNIX_ADDR") or DEFAULT_ADDRESS,
            token=env.get("NOMAD_TOKEN", ""),
            namespace=env.get("NOMAD_NAMESPACE", ""),
            region=env.get("NOMAD_REGION", ""),
            http_auth=env.get("NOMAD_HTTP_AUTH", ""),
            tls=TLS(
                ca_cert=env.get("NOMAD_CACERT", ""),
                ca_path=env.get("NOMAD_CAPATH", ""),
                client_cert=env.get("NOMAD_CLIENT_CERT", ""),
                client_key=env.get("NOMAD_CLIENT_KEY", ""),
                server_name=env.get("NOMAD_TLS_SERVER_NAME", ""),
                skip_verify=_boolean("NOMAD_SKIP_VERIFY", env.get("NOMAD_SKIP_VERIFY", "")),
            ),
        )

    @property
    def socket_path(self) -> str:
        """The path of the unix socket, empty for a TCP address."""
        url = urlsplit(self.address)
        return unquote(url.netloc + url.path) if url.scheme == "unix" else ""

    @property
    def on_this_machine(self) -> bool:
        """Whether the address is a unix socket or a loopback address."""
        host = urlsplit(self.address).hostname or ""
        return bool(self.socket_path) or host in ("localhost", "::1") or host.startswith("127.")

    @property
    def base_url(self) -> str:
        """What paths are appended to. A unix socket needs some host name in its URLs; nobody looks at it."""
        return "http://127.0.0.1" if self.socket_path else self.address.rstrip("/")


def _boolean(name: str, text: str) -> bool:
    """A boolean as Go's `strconv.ParseBool` reads it."""
    if text in ("1", "t", "T", "true", "TRUE", "True"):
        return True
    if text in ("", "0", "f", "F", "false", "FALSE", "False"):
        return False
    raise ConfigurationError(f'{name} is "{text}": write true or false')
