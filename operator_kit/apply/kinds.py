"""The table of all kinds of objects that a reconciler can apply.

    kind           called by    marks                    written by check-and-set of
    -------------  -----------  -----------------------  ------------------------------------------------
    Job            ID           Meta                     the JobModifyIndex
    Variable       path         items                    the ModifyIndex
    any Resource   name         items (its controls)     the ModifyIndex
    Namespace      name         Meta                     nothing: Nomad has no check for the kinds from
    NodePool       name         Meta                     here on, so what is written was read just before
    ACLPolicy      name         comments above the rules
    HostVolume     name         none: there is no place
    CSIVolume      ID           none: there is no place

Services are missing on purpose: a service is registered by the allocation that offers it, so it belongs into a job.
"""

from collections.abc import Mapping
from typing import Any, Final

from nomad_api.models import ACLPolicy, CSIVolume, HostVolume, Job, Namespace, NodePool, ServiceRegistration, Variable
from operator_kit.apply.cluster import NAMESPACE, NODE_POOL
from operator_kit.apply.job import JOB
from operator_kit.apply.object_kind import ObjectKind
from operator_kit.apply.policy import ACL_POLICY
from operator_kit.apply.variable import VARIABLE, resource_kind
from operator_kit.apply.volume import CSI_VOLUME, HOST_VOLUME
from operator_kit.crd_store import paths
from operator_kit.engine.result import PermanentError
from operator_kit.resource import Resource

Applicable = Job | Variable | Namespace | NodePool | ACLPolicy | HostVolume | CSIVolume | Resource
"""What can be applied."""

KINDS: Final[Mapping[type[Any], ObjectKind[Any]]] = {
    Job: JOB,
    Variable: VARIABLE,
    Namespace: NAMESPACE,
    NodePool: NODE_POOL,
    ACLPolicy: ACL_POLICY,
    HostVolume: HOST_VOLUME,
    CSIVolume: CSI_VOLUME,
}

_NAMED: Final = {kind.name: kind for kind in KINDS.values()}


def kind_of(model: type[Any]) -> ObjectKind[Any]:
    """The kind of the objects of a class.

    Raises:
        PermanentError: objects of that class cannot be applied.
    """
    if issubclass(model, Resource):
        return resource_kind(model.group, model.kind)
    found = next((KINDS[base] for base in model.__mro__ if base in KINDS), None)
    if found is not None:
        return found
    cure = (
        "a service is registered by its allocation, so declare it in a job"
        if issubclass(model, ServiceRegistration)
        else f"give a resource, or one of {', '.join(known.__name__ for known in KINDS)}"
    )
    raise PermanentError(f"{model.__name__} cannot be applied; {cure}", reason="UnknownKind")


def kind_named(name: str) -> ObjectKind[Any]:
    """The kind that a status names.

    Raises:
        PermanentError: this version of the kit does not know it.
    """
    if name in _NAMED:
        return _NAMED[name]
    place = paths.ResourcePath.parse(f"{name}/any")
    if place is None or place.name != "any":
        raise PermanentError(f"there is no kind of objects called {name}", reason="UnknownKind")
    return resource_kind(place.group, place.kind)
