"""Two kinds, one of which selects the other: a scraper collects from every scrape target that its selector means.

    nomadctl var put resources/monitoring/scrape_target/shop address=10.0.0.7:9090 labels.team=core
    nomadctl var put resources/monitoring/scrape_target/till address=10.0.0.8:9090 labels.team=core path=/stats
    nomadctl var put resources/monitoring/scraper/core selector=team=core interval=15s

Scrape targets are the standard that operators of different makers can rely on: whoever runs something declares a target beside
it, and whoever collects selects targets by their labels; neither knows the other. A target that comes, changes or goes brings
back exactly the scrapers that select it, or did.
"""

from collections.abc import Collection, Iterable
from typing import Literal

import yaml
from pydantic import BaseModel, Field

from nomad_api.models import Job, Task, TaskGroup, Template
from operator_kit import Context, PermanentError, Reconciler, Resource, ResourceStatus, Watch
from operator_kit.crd_store.selectors import Selector, SelectorError
from operator_kit.informers.objects import Change


class ScrapeTarget(
    Resource,
    group="monitoring",
    kind="scrape_target",
    short_names=("target",),
    categories=("all", "monitoring"),
    selectable=("spec.scheme",),
    columns={"Address": "spec.address", "Path": "spec.path"},
):
    """Something that shows metrics over HTTP."""

    class Spec(BaseModel):
        address: str = Field(pattern=r"^.+:\d{1,5}$", description="host:port")
        path: str = Field(default="/metrics", pattern="^/")
        scheme: Literal["http", "https"] = "http"

    class Status(ResourceStatus):
        url: str = ""


class Scraper(
    Resource,
    group="monitoring",
    kind="scraper",
    categories=("all", "monitoring"),
    columns={"Targets": "status.targets", "Selector": "spec.selector"},
):
    """A collector of the metrics of all targets that are selected."""

    class Spec(BaseModel):
        selector: str = ""
        interval: str = Field(default="30s", pattern=r"^\d+(s|m|h)$")
        command: str = "/usr/bin/prometheus"

    class Status(ResourceStatus):
        targets: int = 0


class ScrapeTargetReconciler(Reconciler[ScrapeTarget]):
    """Nothing has to be done for a target but to say where it is."""

    async def reconcile(self, target: ScrapeTarget, ctx: Context[ScrapeTarget]) -> None:
        target.status.url = f"{target.spec.scheme}://{target.spec.address}{target.spec.path}"


def every_scraper(change: Change, scrapers: Collection[str]) -> Iterable[str]:
    """Whether a scraper selects the target, or did, shows when it is looked at: a look that finds no change writes nothing."""
    return scrapers


class ScraperReconciler(Reconciler[Scraper]):
    """Runs a job for each scraper, with the targets in its configuration."""

    owns = [Job]
    watches = [Watch(ScrapeTarget, map=every_scraper)]

    async def reconcile(self, scraper: Scraper, ctx: Context[Scraper]) -> None:
        try:
            selector = Selector.parse(scraper.spec.selector)
            targets = await ctx.select(ScrapeTarget, selector)
        except SelectorError as error:
            raise PermanentError(f"selector: {error}", reason="InvalidSelector") from error
        scraper.status.targets = len(targets)
        rollout = await ctx.rollout(await ctx.apply(scraper_job(scraper, targets)))
        ctx.set_condition("Ready", rollout.healthy, rollout.reason, f"{len(targets)} targets; {rollout.message}")


def scraper_job(scraper: Scraper, targets: Iterable[ScrapeTarget]) -> Job:
    """The job: a change of its targets is a new file and a signal, never another allocation."""
    template = Template(
        dest_path="local/scrape.yaml",
        embedded_tmpl=configuration(scraper, targets),
        change_mode="signal",
        change_signal="SIGHUP",
    )
    task = Task(
        name="scraper",
        driver="raw_exec",
        config={"command": scraper.spec.command, "args": ["--config.file=local/scrape.yaml"]},
        templates=[template],
    )
    return Job(id=f"scraper-{scraper.name}", type="service", task_groups=[TaskGroup(name="scraper", tasks=[task])])


def configuration(scraper: Scraper, targets: Iterable[ScrapeTarget]) -> str:
    """The targets in the language of Prometheus."""
    jobs = [
        {
            "job_name": target.name,
            "scheme": target.spec.scheme,
            "metrics_path": target.spec.path,
            "static_configs": [{"targets": [target.spec.address], "labels": dict(sorted(target.labels.items()))}],
        }
        for target in targets
    ]
    return yaml.safe_dump({"global": {"scrape_interval": scraper.spec.interval}, "scrape_configs": jobs}, sort_keys=False)
