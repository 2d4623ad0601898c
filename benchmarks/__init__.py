"""Measurements of an agent and of the framework, against any address: `make bench`, `python -m benchmarks --help`.

Figures of different machines do not compare; run both agents in turn (`--vs ADDR`) and look at the ratios. Every load is
bounded in count, and meant for an agent on this machine.
"""
