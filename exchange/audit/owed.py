"""Whether a device that says an alert was kept from it was owed one: its withheld file held against an auditor's bundle.

Nothing in the bundle is believed: statement and leaf list must lead to the entry, which the file itself proves.
"""

from __future__ import annotations

from exchange.audit.bundle import AuditBundle
from exchange.model.problems import Malformed
from exchange.model.statements import parse_statement
from exchange.policy.exhibits import ExhibitError, Withheld, check_owed
from keys.envelope import Envelope
from keys.errors import KeysError
from keys.stanza import LeafSummary, parse_leaf_list


def owed_leaf(bundle: AuditBundle, withheld: Withheld) -> LeafSummary | None:
    """The leaf that the alert has for this device; None when it has none.

    Raises BundleError (``file-missing``, ...) when the bundle does not hold the alert, ExhibitError as ``check_owed``.
    """
    statement, leaves = bundle.statement(withheld.alert), bundle.leaves(withheld.alert)
    try:
        return check_owed(withheld, parse_statement(Envelope.decode(statement)), parse_leaf_list(leaves))
    except (KeysError, Malformed) as error:
        raise ExhibitError("exhibit-unproven", f"the bundle's statement or leaf list is none: {error}") from None
