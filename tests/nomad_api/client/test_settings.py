import ssl
from pathlib import Path

import pytest

from nomad_api.client import TLS, Settings
from nomad_api.errors import ConfigurationError


def test_the_environment_is_read_as_nomad_reads_it() -> None:
    settings = Settings.from_env(
        {
            "NOMAD_ADDR": "https://nomad.example:4646/",
            "NOMAD_TOKEN": "t",
            "NOMAD_NAMESPACE": "n",
            "NOMAD_REGION": "r",
            "NOMAD_HTTP_AUTH": "user:pass",
            "NOMAD_CACERT": "ca",
            "NOMAD_CAPATH": "cas",
            "NOMAD_CLIENT_CERT": "cert",
            "NOMAD_CLIENT_KEY": "key",
            "NOMAD_TLS_SERVER_NAME": "server",
            "NOMAD_SKIP_VERIFY": "true",
        }
    )
    assert settings == Settings(
        "https://nomad.example:4646/", "t", "n", "r", "user:pass", TLS("ca", "cas", "cert", "key", "server", True)
    )
    assert settings.base_url == "https://nomad.example:4646"


def test_without_an_environment_the_local_agent_is_meant() -> None:
    assert Settings.from_env({}) == Settings("http://127.0.0.1:4646")


def test_a_task_uses_its_socket() -> None:
    inside = {"NOMAD_UNIX_ADDR": "unix:///secrets/api.sock"}
    assert Settings.from_env(inside).socket_path == "/secrets/api.sock"
    assert Settings.from_env({**inside, "NOMAD_ADDR": "http://other:1"}).socket_path == ""


@pytest.mark.parametrize("address", ["127.0.0.1:4646", "ftp://x", "unix://", "http://", ""])
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(ConfigurationError):
        Settings(address)


def test_a_bad_boolean_is_told() -> None:
    with pytest.raises(ConfigurationError, match="NOMAD_SKIP_VERIFY"):
        Settings.from_env({"NOMAD_SKIP_VERIFY": "perhaps"})


def test_a_missing_certificate_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="nothere"):
        TLS(ca_cert=str(tmp_path / "nothere.pem")).context()
    with pytest.raises(ConfigurationError, match="both"):
        TLS(client_cert="only").context()


def test_verification_can_be_switched_off() -> None:
    assert TLS(skip_verify=True).context().verify_mode is ssl.CERT_NONE


@pytest.mark.parametrize(
    "address", ["unix:///secrets/api.sock", "http://127.0.0.1:4646", "https://localhost:1", "http://[::1]:1"]
)
def test_an_agent_on_this_machine_is_known_by_its_address(address: str) -> None:
    assert Settings(address=address).on_this_machine
    assert not Settings(address="http://nomad.example:4646").on_this_machine
    assert not Settings(address="http://10.127.0.1:4646").on_this_machine
