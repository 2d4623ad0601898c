"""What the package promises by name, and that its defaults are what the documentation says."""

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


def test_defaults() -> None:
    assert (Reconciler.workers, Reconciler.timeout, Reconciler.resync, tuple(Reconciler.owns)) == (8, 60.0, 600.0, ())
    assert (GRACE, WAIT, RELIST, STALE) == (4.0, 30.0, 30.0, 90.0)


def test_a_reconciler_knows_its_kind() -> None:
    class Derived(WidgetReconciler):
        pass

    assert WidgetReconciler.resource is Derived.resource is Widget
    assert issubclass(Widget, Resource)
