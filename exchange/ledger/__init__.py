"""The one writer of both logs: head file, commit, sequencer. Spec: docs/spec/logs.md.

Import the modules, not this package.
"""
