"""What the state holds beside Nomad's public objects."""

from typing import Any

from pydantic import Field

from nomad_api.models.base import Wire
from nomad_api.models.job import JobSubmission
from nomad_api.models.variable import VariableMetadata


class SealedVariable(VariableMetadata):
    """A variable as it is stored: its items encrypted (`data`, base64) with the root key `key_id`."""

    data: str = ""
    key_id: str = ""

    def metadata(self, *, with_lock: bool = True) -> dict[str, Any]:
        """All but the items, as Nomad's JSON has it. The lock's ID is its holder's secret, so it is shown only to those who may
        see it. The keys are spelled out because a list shows thousands at once."""
        shown: dict[str, Any] = {
            "CreateIndex": self.create_index,
            "CreateTime": self.create_time,
            "ModifyIndex": self.modify_index,
            "ModifyTime": self.modify_time,
            "Namespace": self.namespace,
            "Path": self.path,
        }
        if with_lock and self.lock:
            shown["Lock"] = self.lock.to_wire()
        return shown


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
