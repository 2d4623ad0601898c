"""What the state holds beside Nomad's public objects."""

from nomad_api.models.base import Wire
from nomad_api.models.job import JobSubmission
from nomad_api.models.variable import VariableMetadata


class SealedVariable(VariableMetadata):
    """A variable as it is stored: its items encrypted (`data`, base64) with the root key `key_id`."""

    data: str = ""
    key_id: str = ""


class RootKey(Wire):
    """A root key of the keyring: `material` (base64) encrypts variables, `rsa` (PEM) signs workload identities."""

    id: str
    state: str = "active"
    material: str = ""
    rsa: str = ""
    create_time: int = 0
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
