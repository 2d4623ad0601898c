import re

from orchestrator.scheduler.node_class import computed_class


def test_nodes_that_look_the_same_are_of_one_class(node, new_node):
    assert re.fullmatch(r"v1:\d+", computed_class(node))
    other = new_node("n2", attributes={**node.attributes, "unique.hostname": "b"})
    assert computed_class(other) == computed_class(node)


def test_what_a_constraint_may_look_at_makes_another_class(node):
    for change in ({"datacenter": "dc2"}, {"meta": {"rack": "r2"}}, {"node_pool": "gpu"}, {"attributes": {}}):
        assert computed_class(node.evolve(**change)) != computed_class(node)
