"""``exchange mirror``: a byte-identical copy of both logs, kept and served by another authority that verified it.

It follows the logs as every member does, believes nothing, and stops with the evidence when they contradict what it has; what it
has, it goes on serving. Spec: docs/spec/witness.md, 5.
"""
