from examples.website.website import WebsiteReconciler
from operator_kit import run

run(WebsiteReconciler(), name="website")
