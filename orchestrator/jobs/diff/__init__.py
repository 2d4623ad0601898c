"""Structural differences between versions of a job."""

from orchestrator.jobs.diff.annotations import annotate
from orchestrator.jobs.diff.job import diff_jobs

__all__ = ["annotate", "diff_jobs"]
