"""What a later version's decision needs of the earlier ones (``docs/spec/policy.md``, Inputs: lineage).

Pure values.  Where the earlier versions come from is for the callers to say: the server's store, an auditor's bundle, a
publisher's own verified replica.  A reader has those that it opened and no other.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from exchange.model.alert import Core


@dataclass(frozen=True, slots=True)
class Version:
    """A released version of an alert: its statement, core and journal index, the author's organisation, who has a leaf.

    ``recipients`` are persons: of those whom this decider knows to have one (a reader knows of itself).
    """

    statement: str
    index: int
    core: Core
    organisation: str
    recipients: frozenset[str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Lineage:
    """The earlier versions of an alert, as rules R10 and R11 ask about them.

    ``previous`` and ``statement`` are the core and statement id of the version directly before, None where it is not released
    or not known here; ``seen`` that its release stands in the journal that the author had seen; ``organisation`` that of
    version 1's author, as the earliest known version says (None without one); ``approvals`` the largest of all earlier
    versions; ``recipients`` the earlier recipients: persons with a leaf of an earlier version, or a grant of one; None where
    they are not known.
    """

    previous: Core | None
    statement: str | None
    seen: bool
    organisation: str | None
    approvals: int
    recipients: frozenset[str] | None = field(repr=False)


def lineage_of(core: Core, earlier: Sequence[Version], grantees: Collection[str] = ()) -> Lineage | None:
    """The lineage of a version from released versions of its alert; None for version 1.

    ``earlier`` may hold others than those before it, in any order; ``grantees`` are the persons to whose devices one of them was
    granted by an entry below ``core.seen.journal.size``.
    """
    if core.version == 1:
        return None
    before = {version.core.version: version for version in earlier if version.core.version < core.version}
    previous = before.get(core.version - 1)
    first = before[min(before)] if before else None
    return Lineage(
        None if previous is None else previous.core,
        None if previous is None else previous.statement,
        previous is not None and previous.index < core.seen.journal.size,
        None if first is None else first.organisation,
        max((version.core.approvals for version in before.values()), default=0),
        frozenset(grantees).union(*(version.recipients for version in before.values())),
    )
