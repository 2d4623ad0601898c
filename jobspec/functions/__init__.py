"""The functions a job specification can call, one module per family."""
