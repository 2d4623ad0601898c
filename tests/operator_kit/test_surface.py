"""What the package promises by name, and that its defaults are what the documentation says."""

import subprocess
import sys

import pytest

import operator_kit
from operator_kit import Reconciler, Resource
from operator_kit.informers.source import RELIST, STALE, WAIT
from operator_kit.manager import GRACE
from tests.operator_kit.conftest import Widget, WidgetReconciler


def test_the_public_surface_is_small() -> None:
    assert operator_kit.__all__ == [
        "Condition",
        "Context",
        "Cron",
        "Every",
        "Handlers",
        "IdContext",
        "IdReconciler",
        "Manager",
        "PermanentError",
        "Poll",
        "Reconciler",
        "Resource",
        "ResourceStatus",
        "Result",
        "Rollout",
        "SecretRef",
        "Stream",
        "TemporaryError",
        "Watch",
        "on",
        "run",
    ]
    assert all(hasattr(operator_kit, name) for name in operator_kit.__all__)
    assert set(operator_kit.__all__) <= set(dir(operator_kit))
    with pytest.raises(AttributeError, match="has no attribute 'Operator'"):
        operator_kit.Operator  # noqa: B018


def test_what_is_not_used_is_not_imported() -> None:
    """A command that lists resources starts in a fraction of the time that the engine takes to be imported."""
    program = (
        "import sys, operator_kit.crd_store.paths; print([name for name in sys.modules if name.startswith('operator_kit')])"
    )
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "['operator_kit', 'operator_kit.crd_store', 'operator_kit.crd_store.paths']"


def test_defaults() -> None:
    assert (Reconciler.workers, Reconciler.timeout, Reconciler.resync, tuple(Reconciler.owns)) == (8, 60.0, 600.0, ())
    assert (GRACE, WAIT, RELIST, STALE) == (4.0, 30.0, 30.0, 90.0)


def test_a_reconciler_knows_its_kind() -> None:
    class Derived(WidgetReconciler):
        pass

    assert WidgetReconciler.resource is Derived.resource is Widget
    assert issubclass(Widget, Resource)
