"""Jobs of the in-memory Nomad: register, plan, deregister; allocations that run at once and get healthy after a while."""

import asyncio
from typing import Any, Final

from operator_kit.testing.state import Cluster, Row
from operator_kit.testing.variables import Refused

_SERVERS: Final = frozenset(
    "Version CreateIndex ModifyIndex JobModifyIndex SubmitTime Status StatusDescription Stable Stop NomadTokenID".split()
)
_DEFAULTS: Final[Row] = {"Namespace": "default", "Region": "global", "Type": "service", "Priority": 50, "NodePool": "default"}


class Jobs:
    """What the routes below `/v1/job` do."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def listed(self, prefix: str) -> list[Row]:
        jobs = self._cluster.jobs
        return [self._stub(jobs[job_id]) for job_id in sorted(jobs) if job_id.startswith(prefix)]

    def get(self, job_id: str) -> Row:
        if job_id not in self._cluster.jobs:
            raise Refused(404, "job not found")
        return self._cluster.jobs[job_id]

    def plan(self, job: Row) -> Row:
        present = self._cluster.jobs.get(job["ID"])
        kind = "Added" if present is None else "None" if _wish(present) == _wish(_canonical(job)) else "Edited"
        return {"Diff": {"Type": kind, "ID": job["ID"]}, "JobModifyIndex": present["JobModifyIndex"] if present else 0}

    def register(self, body: Row) -> Row:
        cluster, job = self._cluster, _canonical(body["Job"])
        if not job.get("TaskGroups"):
            raise Refused(500, "1 error occurred:\n\t* Missing job task groups")
        present = cluster.jobs.get(job["ID"])
        held = present["JobModifyIndex"] if present else 0
        if body.get("EnforceIndex") and body.get("JobModifyIndex") != held:
            raise Refused(
                500, f"Enforcing job modify index {body.get('JobModifyIndex')}: job exists with conflicting index {held}"
            )
        if present and not present["Stop"] and _wish(present) == _wish(job):
            return {"EvalID": cluster.new_id("eval"), "JobModifyIndex": held, "Index": cluster.index}
        index = cluster.change("jobs")
        job |= {
            "Stop": False,
            "Status": "running",
            "Version": present["Version"] + 1 if present else 0,
            "CreateIndex": present["CreateIndex"] if present else index,
            "ModifyIndex": index,
            "JobModifyIndex": index,
        }
        cluster.jobs[job["ID"]] = job
        cluster.publish("Job", "JobRegistered", job["ID"], {"Job": job})
        self._place(job)
        return {"EvalID": cluster.new_id("eval"), "JobModifyIndex": index, "Index": cluster.index}

    def deregister(self, job_id: str, purge: bool) -> Row:
        cluster = self._cluster
        job = cluster.jobs.get(job_id)
        if job is None:
            return {"EvalID": "", "JobModifyIndex": 0, "Index": cluster.index}
        index = cluster.change("jobs")
        job = {
            **job,
            "Stop": True,
            "Status": "dead",
            "ModifyIndex": index,
            "JobModifyIndex": index,
            "Version": job["Version"] + 1,
        }
        if purge:
            del cluster.jobs[job_id]
            for rows in (cluster.allocations, cluster.deployments):
                for row_id in [row["ID"] for row in rows.values() if row["JobID"] == job_id]:
                    del rows[row_id]
        else:
            cluster.jobs[job_id] = job
            self._stop_allocations(job_id)
        cluster.publish("Job", "JobDeregistered", job_id, {"Job": job, **({"Deleted": True} if purge else {})})
        return {"EvalID": cluster.new_id("eval"), "JobModifyIndex": index, "Index": index}

    def allocations(self, job_id: str) -> list[Row]:
        return [row for row in self._cluster.allocations.values() if row["JobID"] == job_id]

    def services(self, job_id: str) -> list[Row]:
        """What the running allocations offer: each port of an allocation has a number of its own, on 192.0.2.1."""
        job = self.get(job_id)
        running = [row for row in self.allocations(job_id) if row["ClientStatus"] == "running"]
        return [
            {
                "ID": f"{row['ID']}-{service['PortLabel']}",
                "ServiceName": service["Name"],
                "JobID": job_id,
                "AllocID": row["ID"],
                "Tags": service["Tags"],
                "Address": "192.0.2.1",
                "Port": 20_000 + 100 * int(row["ID"].rpartition("-")[2]) + position,
            }
            for row in running
            for group in job["TaskGroups"]
            if group["Name"] == row["TaskGroup"]
            for position, service in enumerate(group.get("Services") or ())
        ]

    def deployment(self, job_id: str) -> Row | None:
        """The latest."""
        rows = [row for row in self._cluster.deployments.values() if row["JobID"] == job_id]
        return max(rows, key=lambda row: int(row["CreateIndex"]), default=None)

    def make_healthy(self, job_id: str, version: int) -> None:
        """Let the allocations of that version be healthy, and their deployment succeed."""
        cluster = self._cluster
        deployment = self.deployment(job_id)
        for row in self.allocations(job_id):
            if row["JobVersion"] == version and row["DesiredStatus"] == "run":
                self._update(row, DeploymentStatus={"Healthy": True})
        if deployment and deployment["JobVersion"] == version and deployment["Status"] == "running":
            index = cluster.change("jobs")
            deployment |= {"Status": "successful", "ModifyIndex": index}
            cluster.publish("Deployment", "DeploymentStatusUpdate", deployment["ID"], {"Deployment": deployment}, job_id)

    def crash(self, job_id: str, message: str) -> None:
        """Let every task of the job's allocations have ended with this message, and wait for a restart."""
        job = self.get(job_id)
        for row in self.allocations(job_id):
            if row["DesiredStatus"] == "run":
                events = [{"Type": "Terminated", "DisplayMessage": message}, {"Type": "Restarting"}]
                state = {"State": "pending", "Restarts": 1, "Events": events}
                group = next(group for group in job["TaskGroups"] if group["Name"] == row["TaskGroup"])
                self._update(row, ClientStatus="pending", TaskStates={task["Name"]: state for task in group["Tasks"]})

    def _place(self, job: Row) -> None:
        cluster = self._cluster
        self._stop_allocations(job["ID"])
        index = cluster.change("jobs")
        if job["Type"] == "service":
            deployment_id = cluster.new_id("deployment")
            cluster.deployments[deployment_id] = {
                "ID": deployment_id,
                "JobID": job["ID"],
                "JobVersion": job["Version"],
                "Status": "running",
                "TaskGroups": {group["Name"]: {"DesiredTotal": group["Count"]} for group in job["TaskGroups"]},
                "CreateIndex": index,
                "ModifyIndex": index,
            }
        for group in job["TaskGroups"]:
            for number in range(group["Count"]):
                row: Row = {
                    "ID": cluster.new_id("alloc"),
                    "Name": f"{job['ID']}.{group['Name']}[{number}]",
                    "JobID": job["ID"],
                    "JobType": job["Type"],
                    "JobVersion": job["Version"],
                    "TaskGroup": group["Name"],
                    "DesiredStatus": "run",
                    "CreateIndex": index,
                }
                cluster.allocations[row["ID"]] = row
                self._update(row, ClientStatus="running")
        if cluster.healthy_after is not None:
            asyncio.get_running_loop().call_later(cluster.healthy_after, self.make_healthy, job["ID"], job["Version"])

    def _stop_allocations(self, job_id: str) -> None:
        for row in self.allocations(job_id):
            if row["DesiredStatus"] == "run":
                self._update(row, DesiredStatus="stop", ClientStatus="complete")

    def _update(self, row: Row, **fields: Any) -> None:
        row |= fields | {"ModifyIndex": self._cluster.change("jobs")}
        self._cluster.publish("Allocation", "AllocationUpdated", row["ID"], {"Allocation": dict(row)}, row["JobID"])

    def _stub(self, job: Row) -> Row:
        rows = self.allocations(job["ID"])
        running = sum(row["ClientStatus"] == "running" for row in rows)
        index = max((row["ModifyIndex"] for row in rows), default=job["ModifyIndex"])
        summary = {"JobID": job["ID"], "Summary": {"all": {"Running": running}}, "ModifyIndex": index}
        keys = ("ID", "Name", "Namespace", "Type", "Stop", "Status", "Meta", "CreateIndex", "ModifyIndex", "JobModifyIndex")
        return {**{key: job.get(key) for key in keys}, "JobSummary": summary}


def _canonical(job: Row) -> Row:
    """The job with Nomad's defaults, and without what is unset."""
    groups = [{**group, "Count": 1 if group.get("Count") is None else group["Count"]} for group in job.get("TaskGroups") or ()]
    given = {key: value for key, value in job.items() if value is not None}
    return {"Name": job["ID"], **_DEFAULTS, **given, "TaskGroups": groups}


def _wish(job: Row) -> Row:
    """What of a job its author decides."""
    return {key: value for key, value in job.items() if key not in _SERVERS}
