"""The witnesses' quorum as a C2SP tlog-policy text (2026-06-22), for other people's tools. Spec: docs/spec/logs.md.

Written only, never read: what counts here is the registry, and an auditor's bundle is compared with what follows from it.
"""

from collections.abc import Sequence


def format_policy(logs: Sequence[str], witnesses: Sequence[tuple[str, str, str, str]], quorum: int) -> bytes:
    """The policy: verifier keys of the logs; for each witness its name, its two verifier keys (Ed25519, ML-DSA-44) and URL.

    A witness is a group of its two keys, all of which are demanded; the quorum is a group of these groups.
    """
    lines = [f"log {key}" for key in logs]
    for name, ed25519, mldsa44, url in witnesses:
        lines += [
            f"witness {name}#ed25519 {ed25519} {url}",
            f"witness {name}#mldsa44 {mldsa44} {url}",
            f"group {name} all {name}#ed25519 {name}#mldsa44",
        ]
    if witnesses:
        members = " ".join(name for name, *_ in witnesses)
        lines += [f"group witnesses {quorum} {members}", "quorum witnesses"]
    else:
        lines.append("quorum none")
    return "".join(f"{line}\n" for line in lines).encode("ascii")
