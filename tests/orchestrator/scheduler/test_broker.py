import asyncio

from nomad_api.models import Evaluation
from orchestrator.scheduler.broker import EvaluationBroker
from orchestrator.state.store import Store


def evaluation(name, *, job="j", status="pending", **fields):
    return Evaluation(id=name, namespace="default", job_id=job, status=status, **fields)


async def started(*evaluations, clock=lambda: 0):
    store = Store(clock)
    store.start()
    await store.write("EvaluationUpdated", lambda tx: [tx.put(each) for each in evaluations])
    broker = EvaluationBroker(store, clock)
    broker.start()
    return store, broker


async def test_higher_priority_goes_first():
    _, broker = await started(evaluation("low", job="a", priority=10), evaluation("high", job="b", priority=90))
    assert [(await broker.next()).id, (await broker.next()).id] == ["high", "low"]
    broker.stop()


async def test_a_job_has_one_evaluation_at_a_time():
    _, broker = await started(evaluation("first"), evaluation("second"), evaluation("other", job="k"))
    first = await broker.next()
    assert (await broker.next()).id == "other"
    waiting = asyncio.ensure_future(broker.next())
    await asyncio.sleep(0)
    assert not waiting.done()
    broker.done(first)
    assert (await waiting).id == "second"
    broker.stop()


async def test_a_delayed_evaluation_comes_at_its_time():
    now = [0]
    delayed = evaluation("later", wait_until="1970-01-01T00:00:00.02Z")
    _, broker = await started(delayed, evaluation("at once", job="k"), clock=lambda: now[0])
    assert (await broker.next()).id == "at once"
    now[0] = 20_000_000
    assert (await asyncio.wait_for(broker.next(), 5)).id == "later"
    broker.stop()


async def test_what_is_cancelled_meanwhile_is_left_out():
    store, broker = await started(evaluation("gone"), evaluation("there", job="k"))
    await store.write("EvaluationUpdated", lambda tx: tx.put(evaluation("gone", status="canceled")))
    assert (await broker.next()).id == "there"
    broker.stop()


async def test_blocked_evaluations_are_tried_again_when_told():
    _, broker = await started(evaluation("blocked", status="blocked"))
    first = await broker.next()
    broker.done(first)
    waiting = asyncio.ensure_future(broker.next())
    await asyncio.sleep(0)
    assert not waiting.done()
    broker.unblock()
    assert (await waiting).id == "blocked"
    broker.stop()
