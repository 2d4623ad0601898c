"""Bundled operators: what the command line needs to install one as a job.

Every package of `operators` with a module `bundle` that has a `BUNDLE` is a bundled operator.
"""

import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from nomad_api.models import ACLPolicy, Job

LABEL: Final = "operator"
"""The key in a job's metadata that tells which bundled operator it runs."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundled operator.

    Attributes:
        name: its package; also the ID of its job and the name of its ACL policy, if the job does not say otherwise.
        summary: one line for people.
        kinds: the kinds it looks after, as `group/kind`.
        job: the job that runs it, from the options of the installation: `python` (path of the interpreter), and whatever else
            the operator understands, each a text.
        policy: the ACL policy that the job's identities need in a namespace, without the binding to the job.
    """

    name: str
    summary: str
    kinds: tuple[str, ...]
    job: Callable[[Mapping[str, str]], Job]
    policy: Callable[[str], ACLPolicy]


def bundles() -> dict[str, Bundle]:
    """All bundled operators, by name."""
    here = str(Path(__file__).parent)
    packages = sorted(module.name for module in pkgutil.iter_modules([here]) if module.ispkg)
    modules = [f"operators.{name}.bundle" for name in packages if find_spec(f"operators.{name}.bundle")]
    found: list[Bundle] = [import_module(module).BUNDLE for module in modules]
    return {bundle.name: bundle for bundle in found}
