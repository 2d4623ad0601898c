"""Task drivers: the ways in which a task can run."""
