"""A website is a container with a page, served on a port: the smallest operator that is of use."""

from pydantic import BaseModel, Field

from nomad_api.models import Job, Network, Port, Task, TaskGroup, Template
from operator_kit import Context, Reconciler, Resource, ResourceStatus


class Website(Resource, group="example", kind="website", short_names=("web",), columns={"URL": "status.url"}):
    class Spec(BaseModel):
        page: str
        port: int = Field(default=8080, ge=1, le=65535)
        replicas: int = Field(default=1, ge=0, le=10)

    class Status(ResourceStatus):
        url: str = ""


class WebsiteReconciler(Reconciler[Website]):
    owns = [Job]

    async def reconcile(self, website: Website, ctx: Context[Website]) -> None:
        job = await ctx.apply(server(website))
        rollout = await ctx.rollout(job)
        website.status.url = f"http://localhost:{website.spec.port}"
        ctx.set_condition("Ready", rollout.healthy, rollout.reason, rollout.message)


def server(website: Website) -> Job:
    spec = website.spec
    task = Task(
        name="server",
        driver="raw_exec",
        config={"command": "python3", "args": ["-m", "http.server", "${NOMAD_PORT_http}", "--directory", "local"]},
        templates=[Template(dest_path="local/index.html", embedded_tmpl=spec.page, change_mode="noop")],
    )
    network = Network(reserved_ports=[Port(label="http", value=spec.port)])
    group = TaskGroup(name="web", count=spec.replicas, networks=[network], tasks=[task])
    return Job(id=f"website-{website.name}", type="service", task_groups=[group])
