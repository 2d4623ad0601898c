"""Seeds that once found something. What they play now may be another course, for every change of the operator shifts it."""

import pytest

from operator_kit.testing.simulation import simulate_seed

FOUND = {
    8: "a job that was deleted by a process which then died stayed in the status for ever",
    80: "an event that came late brought a deleted job back into the informer, and every look at its owner failed",
    196: "two leaders undid each other's work in no time at all",
    370: "a job that its maker did not live to write down was missed by the finalizer, and is garbage now",
    186: "a former leader made something outside of Nomad after the new one had finalized, and nobody undid it",
    7353: "a new leader who knew of a resource only as it was before it was made anew undid what was made for the present one",
    9173: "a timer that went off a hair too early kept a worker awake for ever",
    9234: "a former leader's late verdict on an older spec stood beside the accepted new one",
}


@pytest.mark.parametrize("seed", FOUND, ids=str)
def test_what_was_found_is_mended(seed: int) -> None:
    report = simulate_seed(seed)
    assert not report.problems, f"{FOUND[seed]}, once; now:\n{report}"
