"""Transparency-log arithmetic: hashes, proofs, tiles, entry bundles, checkpoints. Pure; spec: docs/spec/logs.md.

Nothing here reads a file, a socket or a clock, and nothing here holds a key. Import the modules, not this package.
"""
