"""`python -m operators.otel_collector`: the operator as a process, with the API and token of its environment."""

from operator_kit import run
from operators.otel_collector.reconciler import CollectorReconciler

run(CollectorReconciler(), name="otel_collector")
