"""tlp-exchange: end-to-end encrypted warnings, distributed by traffic-light rules, recorded in signed logs.

This package re-exports nothing: every room is imported by its own name, so that the import contracts in
``pyproject.toml`` see who talks to whom.
"""
