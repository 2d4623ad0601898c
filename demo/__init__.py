"""The main job, end to end, as a user would type it: `make demo`."""
