from hypothesis import given
from hypothesis import strategies as st

from nomad_api.models import Allocation
from orchestrator.scheduler.names import NameIndex, allocation_name, index_of


def allocs(indexes):
    return [Allocation(id=str(number), name=allocation_name("j", "g", index)) for number, index in enumerate(indexes)]


def test_the_index_of_a_name():
    assert index_of("job.group[12]") == 12
    assert index_of("nonsense") == 0


@given(st.lists(st.integers(0, 9), unique=True, max_size=8), st.integers(0, 10))
def test_free_names_come_lowest_first_and_never_twice(taken, number):
    names = NameIndex("j", "g", 10, allocs(taken))
    found = [index_of(name) for name in names.next(min(number, 10 - len(taken)))]
    assert found == sorted(found)
    assert not set(found) & set(taken)
    assert len(set(found)) == len(found) == min(number, 10 - len(taken))


@given(st.lists(st.integers(0, 9), unique=True, min_size=1))
def test_the_highest_names_go_first(taken):
    names = NameIndex("j", "g", 10, allocs(taken))
    assert {index_of(name) for name in names.highest(2)} == set(sorted(taken)[-2:])


def test_a_name_that_two_have_is_changed_for_one():
    names = NameIndex("j", "g", 3, allocs([0, 0]))
    assert names.without_duplicate("j.g[0]") == "j.g[1]"
    assert names.without_duplicate("j.g[0]") == "j.g[0]"


def test_canaries_take_the_names_of_those_they_will_replace():
    old = allocs([0, 1])
    names = NameIndex("j", "g", 2, old)
    assert names.next_canaries(3, [], old) == ["j.g[0]", "j.g[1]", "j.g[2]"]
