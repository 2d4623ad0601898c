"""The website operator, without any agent."""

from examples.website.website import Website, WebsiteReconciler
from operator_kit.testing import MemoryNomad, eventually, ready, running, virtual_time

PATH = "resources/example/website/blog"


@virtual_time
async def test_a_website_becomes_a_healthy_job_and_disappears_with_its_variable() -> None:
    nomad = MemoryNomad()
    async with running(nomad, WebsiteReconciler()):
        await nomad.declare(PATH, page="<h1>Hello</h1>", replicas="2")
        status = await ready(nomad, Website, "blog")
        assert status.url == "http://localhost:8080"
        assert status.condition("Ready").message == "2 of 2 allocations healthy"

        await nomad.declare(PATH, page="<h1>Bye</h1>")
        await ready(nomad, Website, "blog")
        job = nomad.job("website-blog")
        assert job is not None
        assert job.version == 1

        await nomad.variables.delete(PATH)
        await eventually(lambda: nomad.job("website-blog") is None)
        await eventually(lambda: nomad.items("status/example/website/blog") is None)


@virtual_time
async def test_a_mistake_is_told_and_changes_nothing() -> None:
    nomad = MemoryNomad()
    async with running(nomad, WebsiteReconciler()):
        await nomad.declare(PATH, page="hi", prot="80")
        status = await ready(nomad, Website, "blog", when=lambda status: status.condition("Accepted").status == "False")
        assert status.condition("Accepted").message == "prot: unknown key; did you mean port?"
    assert nomad.job("website-blog") is None
