"""An operator as a process: what it tells of itself."""
