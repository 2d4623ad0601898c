from nomadctl.plan_view import job_diff

DIFF = {
    "Type": "Edited",
    "ID": "web",
    "Fields": [{"Type": "Edited", "Name": "Priority", "Old": "50", "New": "60"}],
    "Objects": None,
    "TaskGroups": [
        {
            "Type": "Edited",
            "Name": "g",
            "Updates": {"ignore": 1, "create": 2},
            "Fields": [{"Type": "Edited", "Name": "Count", "Old": "1", "New": "3", "Annotations": ["forces create"]}],
            "Tasks": [
                {
                    "Type": "Edited",
                    "Name": "t",
                    "Annotations": ["forces create/destroy update"],
                    "Fields": [{"Type": "Added", "Name": "Env[NEW]", "Old": "", "New": "yes"}],
                    "Objects": [
                        {
                            "Type": "Edited",
                            "Name": "Resources",
                            "Fields": [
                                {"Type": "Edited", "Name": "CPU", "Old": "20", "New": "30"},
                                {"Type": "None", "Name": "MemoryMB", "Old": "20", "New": "20"},
                            ],
                        }
                    ],
                }
            ],
        },
        {"Type": "Added", "Name": "h", "Fields": [{"Type": "Added", "Name": "Count", "New": "0"}], "Tasks": None},
    ],
}

EXPECTED = """\
+/- Job: "web"
+/- Priority: "50" => "60"
+/- Task Group: "g" (2 create, 1 ignore)
  +/- Count: "1" => "3" (forces create)
  +/- Task: "t" (forces create/destroy update)
    +   Env[NEW]: "yes"
    +/- Resources {
      +/- CPU:      "20" => "30"
          MemoryMB: "20"
        }

+   Task Group: "h\""""


def test_what_is_edited_is_shown_and_what_is_new_is_named() -> None:
    assert job_diff(DIFF, verbose=False) == EXPECTED


def test_everything_can_be_asked_for() -> None:
    assert job_diff(DIFF, verbose=True).endswith('"h"\n    + Count: "0"')
