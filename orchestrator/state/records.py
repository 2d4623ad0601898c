"""What the state holds beside Nomad's public objects."""

from pydantic import Field

from nomad_api.models.base import Wire
from nomad_api.models.job import JobSubmission
from nomad_api.models.variable import VariableMetadata


class SealedVariable(VariableMetadata):
    """A variable as it is stored: its items encrypted (`data`, base64) with the root key `key_id`."""

    data: str = ""
    key_id: str = ""


class RootKey(Wire):
    """What the state knows of a root key of the keyring; the key itself lies in the keystore."""

    id: str = Field(alias="KeyID")
    algorithm: str = "aes256-gcm"
    state: str = "active"
    create_time: int = 0
    publish_time: int = 0
    create_index: int = 0
    modify_index: int = 0


class StoredSubmission(JobSubmission):
    """The source of one version of a job."""

    namespace: str = ""
    job_id: str = ""
    version: int = 0
    create_index: int = 0
    modify_index: int = 0


class Setting(Wire):
    """A fact about the cluster as a whole, such as the index of its ACL bootstrap."""

    name: str
    value: str = ""
    create_index: int = 0
    modify_index: int = 0
