"""Why an allocation was stopped and how a deployment is doing: Nomad's texts, which clients show and some compare."""

NOT_NEEDED = "alloc not needed due to job update"
MIGRATING = "alloc is being migrated"
UPDATING = "alloc is being updated due to job update"
LOST = "alloc is lost since its node is down"
RESCHEDULED = "alloc was rescheduled because it failed"

RUNNING = "Deployment is running"
NEEDS_PROMOTION = "Deployment is running but requires manual promotion"
AUTO_PROMOTION = "Deployment is running pending automatic promotion"
SUCCESSFUL = "Deployment completed successfully"
STOPPED_JOB = "Cancelled because job is stopped"
NEWER_JOB = "Cancelled due to newer version of job"
