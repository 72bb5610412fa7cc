"""``exchange witness``: the C2SP witness that other members run, so that the exchange has one history for all.

It cosigns a checkpoint only when both of the log's lines verify and a proof leads to it from the one it cosigned before, and it
remembers that durably before it answers. It holds no member's key and reads no entry. Spec: docs/spec/witness.md.
"""
