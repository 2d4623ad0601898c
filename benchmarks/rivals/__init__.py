"""Frameworks side by side: ours, and those whose measure we take. `benchmarks.frameworks` runs them in turn.

Each has a package here: `contestant.py` says how it is provided and what it can be asked. All speak of the same objects
(`objects.py`), and each operator is a process of its own that goes through the same steps (`scenarios.py`) and prints what it
measures as lines of JSON (`process.py`); between processes of one machine `time.monotonic` is one clock.

    ours/         operator_kit against the embedded agent
    kopf/         kopf, from PyPI in an environment of its own, against a small Kubernetes API of ours
    kreconciler/  kreconciler, a Go module, driven by a small program of ours; it has no server to talk to
"""
