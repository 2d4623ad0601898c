"""The process between the agent and a task of the driver raw_exec: see `__main__`."""
