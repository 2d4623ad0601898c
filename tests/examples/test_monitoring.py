"""Two kinds that know each other by labels alone."""

import yaml

from examples.monitoring.monitoring import Scraper, ScraperReconciler, ScrapeTarget, ScrapeTargetReconciler
from operator_kit.testing import MemoryNomad, eventually, ready, running, virtual_time

TARGETS = "resources/monitoring/scrape_target"
SCRAPERS = "resources/monitoring/scraper"


def addresses(nomad: MemoryNomad, job_id: str) -> list[str]:
    """What the job of a scraper collects from."""
    job = nomad.job(job_id)
    assert job is not None
    template = (((job.task_groups or [])[0].tasks or [])[0].templates or [])[0]
    document = yaml.safe_load(template.embedded_tmpl or "")
    return [config["static_configs"][0]["targets"][0] for config in document["scrape_configs"]]


@virtual_time
async def test_a_scraper_collects_from_what_its_selector_means_as_targets_come_change_and_go() -> None:
    nomad = MemoryNomad()
    await nomad.declare(f"{TARGETS}/shop", address="10.0.0.7:9090", labels__team="core")
    await nomad.declare(f"{TARGETS}/blog", address="10.0.0.9:9090", labels__team="web")
    await nomad.declare(f"{SCRAPERS}/core", selector="team=core", command="/bin/scrape")
    async with running(nomad, ScrapeTargetReconciler(), ScraperReconciler()):
        await ready(nomad, Scraper, "core", when=lambda status: status.targets == 1)
        assert addresses(nomad, "scraper-core") == ["10.0.0.7:9090"]
        target = await ready(nomad, ScrapeTarget, "shop")
        assert target.url == "http://10.0.0.7:9090/metrics"

        await nomad.declare(f"{TARGETS}/till", address="10.0.0.8:9090", labels__team="core")
        await eventually(lambda: addresses(nomad, "scraper-core") == ["10.0.0.7:9090", "10.0.0.8:9090"])
        await nomad.declare(f"{TARGETS}/shop", address="10.0.0.7:9090", labels__team="web")
        await eventually(lambda: addresses(nomad, "scraper-core") == ["10.0.0.8:9090"])
        await nomad.variables.delete(f"{TARGETS}/till")
        await eventually(lambda: addresses(nomad, "scraper-core") == [])
        status = await ready(nomad, Scraper, "core")
        assert status.targets == 0


@virtual_time
async def test_a_field_that_is_published_as_selectable_can_be_selected_by() -> None:
    nomad = MemoryNomad()
    await nomad.declare(f"{TARGETS}/plain", address="10.0.0.7:80")
    await nomad.declare(f"{TARGETS}/secure", address="10.0.0.7:443", scheme="https")
    await nomad.declare(f"{SCRAPERS}/tls", selector="spec.scheme=https")
    async with running(nomad, ScrapeTargetReconciler(), ScraperReconciler()):
        await ready(nomad, Scraper, "tls", when=lambda status: status.targets == 1)
    assert addresses(nomad, "scraper-tls") == ["10.0.0.7:443"]


@virtual_time
async def test_a_selector_that_cannot_be_understood_is_told_and_disturbs_nobody() -> None:
    nomad = MemoryNomad()
    await nomad.declare(f"{SCRAPERS}/broken", selector="team in core")
    await nomad.declare(f"{SCRAPERS}/all", interval="15s")
    async with running(nomad, ScrapeTargetReconciler(), ScraperReconciler()):
        await ready(nomad, Scraper, "all")
        status = await ready(
            nomad, Scraper, "broken", when=lambda status: status.condition("Stalled").reason == "InvalidSelector"
        )
    assert status.condition("Reconciled").message.startswith("selector: ")
    assert nomad.job("scraper-broken") is None


@virtual_time
async def test_a_target_that_makes_no_spec_is_left_out() -> None:
    nomad = MemoryNomad()
    await nomad.declare(f"{TARGETS}/good", address="10.0.0.7:80")
    await nomad.declare(f"{TARGETS}/bad", address="nowhere")
    await nomad.declare(f"{SCRAPERS}/all", interval="15s")
    async with running(nomad, ScrapeTargetReconciler(), ScraperReconciler()):
        await ready(nomad, Scraper, "all", when=lambda status: status.targets == 1)
    assert addresses(nomad, "scraper-all") == ["10.0.0.7:80"]
