"""`nomadctl`, the command line: Nomad's own commands, resources and operators, and the door to the embedded agent."""
