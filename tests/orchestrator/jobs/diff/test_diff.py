from nomad_api.models import Job
from nomad_api.models.evaluation import DesiredUpdates, PlanAnnotations
from orchestrator.jobs import annotate, canonicalize, diff_jobs

TASK = {"Name": "t", "Driver": "mock_driver", "Config": {"run_for": "1s", "a": {"b": [1]}}, "Env": {"A": "1"}}


def job(**body):
    group = {"Name": "g", "Tasks": [TASK], **body.pop("group", {})}
    return canonicalize(Job.model_validate({"ID": "j", "TaskGroups": [group], **body}))


def named(diffs, name):
    return [diff for diff in diffs or () if diff["Name"] == name]


def test_nothing_changed():
    diff = diff_jobs(job(), job())
    assert (diff["Type"], diff["Fields"], diff["Objects"]) == ("None", None, None)
    (group,) = diff["TaskGroups"]
    assert (group["Type"], group["Tasks"][0]["Type"]) == ("None", "None")


def test_a_new_job_is_added_as_a_whole():
    diff = diff_jobs(None, job())
    assert (diff["Type"], diff["ID"], diff["TaskGroups"][0]["Type"]) == ("Added", "j", "Added")
    assert not named(diff["Fields"], "Version"), "what the server keeps is not shown"


def test_values_and_maps():
    diff = diff_jobs(job(Meta={"a": "1", "b": "1"}), job(Meta={"b": "2", "c": "1"}, Priority=60))
    shown = {(field["Name"], field["Type"], field["Old"], field["New"]) for field in diff["Fields"]}
    assert shown == {
        ("Meta[a]", "Deleted", "1", ""),
        ("Meta[b]", "Edited", "1", "2"),
        ("Meta[c]", "Added", "", "1"),
        ("Priority", "Edited", "50", "60"),
    }


def test_a_changed_block_shows_its_context():
    (group,) = diff_jobs(job(), job(group={"RestartPolicy": {"Attempts": 9}}))["TaskGroups"]
    (policy,) = named(group["Objects"], "RestartPolicy")
    assert policy["Type"] == "Edited"
    assert {field["Name"]: field["Type"] for field in policy["Fields"]} == {
        "Attempts": "Edited",
        "Delay": "None",
        "Interval": "None",
        "Mode": "None",
        "RenderTemplates": "None",
    }


def test_constraints_are_replaced_and_tags_are_sets():
    def with_service(port, tags):
        return job(group={"Services": [{"Name": "s", "Provider": "nomad", "PortLabel": port, "Tags": tags}]})

    (group,) = diff_jobs(with_service("a", ["x", "y"]), with_service("b", ["y", "z"]))["TaskGroups"]
    (service,) = named(group["Objects"], "Service")
    assert named(service["Fields"], "PortLabel")[0]["Type"] == "Edited"
    (tags,) = named(service["Objects"], "Tags")
    assert [(field["Type"], field["Old"], field["New"]) for field in tags["Fields"]] == [
        ("Added", "", "z"),
        ("Deleted", "x", ""),
        ("None", "y", "y"),
    ]


def test_configurations_are_flat():
    changed = {**TASK, "Config": {"run_for": "1s", "a": {"b": [1, "x"]}}}
    (group,) = diff_jobs(job(), job(group={"Tasks": [changed]}))["TaskGroups"]
    (config,) = named(group["Tasks"][0]["Objects"], "Config")
    assert [(field["Name"], field["Type"]) for field in config["Fields"]] == [
        ("a[b][0]", "None"),
        ("a[b][1]", "Added"),
        ("run_for", "None"),
    ]


def annotated(old, new, **desired):
    diff = annotate(diff_jobs(old, new), PlanAnnotations(desired_tg_updates={"g": DesiredUpdates(**desired)}))
    return named(diff["TaskGroups"], "g")[0]


def test_a_count_forces_allocations():
    group = annotated(job(), job(group={"Count": 3}), place=2, ignore=1)
    assert group["Updates"] == {"create": 2, "ignore": 1}
    assert named(group["Fields"], "Count")[0]["Annotations"] == ["forces create"]


def test_what_can_be_taken_in_is_no_new_allocation():
    later = job(group={"Tasks": [{**TASK, "KillTimeout": 9_000_000_000}]})
    assert annotated(job(), later)["Tasks"][0]["Annotations"] == ["forces in-place update"]
    other = job(group={"Tasks": [{**TASK, "Env": {"A": "2"}}]})
    assert annotated(job(), other)["Tasks"][0]["Annotations"] == ["forces create/destroy update"]
