from examples.monitoring.monitoring import ScraperReconciler, ScrapeTargetReconciler
from operator_kit import run

run(ScrapeTargetReconciler(), ScraperReconciler(), name="monitoring")
