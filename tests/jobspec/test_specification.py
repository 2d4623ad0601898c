"""Job specifications as a whole."""

from __future__ import annotations

from typing import Any

import pytest

from jobspec import JobspecError, parse

WEB = """
job "web" {
  datacenters = ["dc1"]
  meta        = { owner = "me" }

  constraint {
    attribute = "${attr.kernel.name}"
    value     = "linux"
  }
  constraint { distinct_hosts = true }

  update {
    max_parallel     = 2
    min_healthy_time = "10s"
  }

  group "app" {
    count = 3
    network {
      mode = "bridge"
      port "http" { to = 8080 }
      port "admin" { static = 9000 }
    }
    service {
      name = "web"
      port = "http"
      check {
        type     = "http"
        path     = "/health"
        interval = "10s"
        timeout  = "2s"
        header { X = ["1", "2"] }
      }
    }
    volume "data" {
      type   = "host"
      source = "data"
    }
    task "server" {
      driver = "docker"
      config {
        image  = "nginx:1"
        labels = { a = "b" }
        mount {
          type = "tmpfs"
        }
      }
      env { A = 1 }
      template {
        data        = "x"
        destination = "local/x"
      }
      resources {
        cpu    = "500"
        memory = 256
      }
    }
  }
}
"""


def group_of(job: dict[str, Any]) -> dict[str, Any]:
    [group] = job["TaskGroups"]
    return group  # type: ignore[no-any-return]


def task_of(job: dict[str, Any]) -> dict[str, Any]:
    [task] = group_of(job)["Tasks"]
    return task  # type: ignore[no-any-return]


def test_blocks_and_attributes_become_the_fields_of_the_api() -> None:
    job = parse(WEB)
    assert job["ID"] == job["Name"] == "web"
    assert job["Meta"] == {"owner": "me"}
    assert job["Constraints"] == [
        {"LTarget": "${attr.kernel.name}", "RTarget": "linux", "Operand": "="},
        {"LTarget": "", "RTarget": "true", "Operand": "distinct_hosts"},
    ]
    assert job["Update"]["MinHealthyTime"] == 10_000_000_000
    group = group_of(job)
    assert group["Count"] == 3
    [network] = group["Networks"]
    assert [port["Label"] for port in network["DynamicPorts"]] == ["http"]
    assert [port["Value"] for port in network["ReservedPorts"]] == [9000]
    [check] = group["Services"][0]["Checks"]
    assert check["Header"] == {"X": ["1", "2"]}
    assert group["Volumes"]["data"]["Name"] == "data"
    task = task_of(job)
    assert task["Config"] == {"image": "nginx:1", "labels": [{"a": "b"}], "mount": [{"type": "tmpfs"}]}
    assert task["Env"] == {"A": "1"}
    assert task["Resources"]["CPU"] == 500
    assert task["Templates"][0]["Perms"] == "0644"


def test_what_is_not_set_is_null_or_empty() -> None:
    job = parse('job "j" {}')
    assert job["TaskGroups"] is None
    assert job["Priority"] is None
    assert job["Dispatched"] is False
    task = task_of(parse('job "j" {\ntask "t" { driver = "raw_exec" }\n}'))
    assert task["KillTimeout"] is None
    assert task["User"] == ""
    assert task["Leader"] is False
    assert "CSIPluginConfig" not in task


def test_a_task_outside_a_group_gets_a_group_of_its_name() -> None:
    assert group_of(parse('job "j" {\ntask "t" { driver = "raw_exec" }\n}'))["Name"] == "t"


def test_dynamic_blocks() -> None:
    job = parse(
        """
        job "j" {
          group "g" {
            dynamic "task" {
              for_each = { a = "x", b = "y" }
              iterator = it
              labels   = [it.key]
              content {
                driver = it.value
                dynamic "service" {
                  for_each = range(2)
                  content { name = "${it.key}${service.value}" }
                }
              }
            }
          }
        }
        """
    )
    tasks = group_of(job)["Tasks"]
    assert [(task["Name"], task["Driver"]) for task in tasks] == [("a", "x"), ("b", "y")]
    assert [service["Name"] for service in tasks[1]["Services"]] == ["b0", "b1"]


def test_hcl_json_is_the_same_job() -> None:
    text = """{
      "variable": {"n": {"type": "number", "default": 2}},
      "job": {"j": {
        "group": {"g": [{"count": "${var.n}", "task": {"t": {
          "driver": "docker", "config": {"image": "i", "list": [{"a": 1}], "nothing": null}, "env": {"A": "${upper(\\"b\\")}"}
        }}}]}
      }}
    }"""
    job = parse(text)
    assert group_of(job)["Count"] == 2
    assert task_of(job)["Config"] == {"image": "i", "list": [{"a": 1}]}
    assert task_of(job)["Env"] == {"A": "B"}


def test_identities_and_vault_are_put_where_clients_look() -> None:
    job = parse(
        """
        job "j" {
          vault { role = "r" }
          group "g" {
            task "t" {
              identity { env = true }
              identity {
                name = "other"
                aud  = ["a"]
              }
            }
          }
        }
        """
    )
    task = task_of(job)
    assert task["Identity"]["Env"] is True
    assert [identity["Name"] for identity in task["Identities"]] == ["other"]
    assert task["Vault"]["Role"] == "r"


MISTAKES = {
    'job "j" {\n  priorty = 5\n}': (
        'input.hcl:2,3-10: Unsupported argument; An argument named "priorty" is not expected here. Did you mean "priority"?'
    ),
    'job "j" {\n  grup "x" {}\n}': (
        'input.hcl:2,3-7: Unsupported block type; Blocks of type "grup" are not expected here. Did you mean "group"?'
    ),
    'job "j" {\n  priority = "x"\n}': ("input.hcl:2,15-16: Unsuitable value type; Unsuitable value: a number is required"),
    'job "j" {\n  update { stagger = "1d" }\n}': (
        'input.hcl:2,23-25: Unsuitable value type; Unsuitable duration value: time: unknown unit "d" in duration "1d"'
    ),
    'job "j" {\n  group {}\n}': ("input.hcl:2,9-10: Missing name for group; All group blocks must have 1 labels (name)."),
    'job "a" {}\njob "b" {}': (
        'input.hcl:2,1-8: Duplicate job block; Only one block of type "job" is allowed. '
        "Previous definition was at input.hcl:1,1-8."
    ),
    "": "<nil>: Missing job block; A job block is required",
    'job "j" {\n  type = "a"\n': (
        "input.hcl:1,9-10: Unclosed configuration block; There is no closing brace for this block before the end of "
        "the file. This may be caused by incorrect brace nesting elsewhere in this file."
    ),
    "job 'j' {}": (
        'input.hcl:1,5-6: Invalid character; Single quotes are not valid. Use double quotes (") to enclose strings., '
        "and 1 other diagnostic(s)"
    ),
    '{"job": {"j": {"type": "a",}}}': (
        "input.hcl:1,27-28: Trailing comma in object; JSON does not permit a trailing comma after the final property "
        "in an object."
    ),
}


@pytest.mark.parametrize(("source", "text"), MISTAKES.items())
def test_mistakes(source: str, text: str) -> None:
    with pytest.raises(JobspecError) as raised:
        parse(source)
    assert str(raised.value) == text


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(JobspecError) as raised:
        parse('job "j" {\n  priority = []\n  region = {}\n  group "g" { count = "x" }\n}')
    assert [diagnostic.range.line for diagnostic in raised.value.diagnostics if diagnostic.range] == [3, 2, 4]


def test_columns_count_what_a_reader_sees() -> None:
    with pytest.raises(JobspecError, match=r"^input\.hcl:1,16-17: Missing newline"):
        parse('x = "é👩‍🚀\u0301abcdef" 1')
