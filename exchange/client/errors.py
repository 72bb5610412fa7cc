"""The errors of the member's side: what could not be reached, what was refused, and what did not verify.

Only ``VerificationError`` accuses somebody: it keeps the evidence (signed notes, entries, statements) that shows an
uninvolved third person what happened.  No error carries a secret or the plaintext of an alert.
"""

from __future__ import annotations

from collections.abc import Mapping

from exchange.model.problems import ExchangeError

GRANT_STEPS = 20
"""What is added to the steps of a grant's own list, so that both lists stand in one column: 21 is G1."""


def step_name(step: int) -> str:
    """How a step is reported: ``V1`` to ``V9``, of a grant ``G1`` to ``G5``."""
    return f"G{step - GRANT_STEPS}" if step > GRANT_STEPS else f"V{step}"


class ClientError(ExchangeError):
    """Something on the member's side cannot go on."""


class TransportError(ClientError):
    """The exchange cannot be reached, or its answer broke a bound before it was read.

    Codes: ``bad-url``, ``plain-http``, ``unreachable``, ``timeout``, ``body-too-large``, ``redirect``, ``event-too-large``.
    """


class BadAnswer(ClientError):
    """The exchange answered something that the interface does not know (code ``bad-answer``)."""

    def __init__(self, detail: str) -> None:
        super().__init__("bad-answer", detail)


class Refused(ClientError):
    """The exchange refused a request: its problem details (RFC 9457), as it told them and not verified.

    ``rule`` is the rule's number or empty, ``differs`` what would have to differ, ``index`` which statement of the request.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        status: int,
        rule: str = "",
        differs: Mapping[str, list[str]] | None = None,
        index: int | None = None,
    ) -> None:
        super().__init__(code, detail)
        self.status = status
        self.rule = rule
        self.differs = dict(differs or {})
        self.index = index


class StateError(ClientError):
    """The local store cannot be used: ``state-newer``, ``state-foreign``, ``changed-meanwhile``, ``not-pinned``."""


class SourceError(ClientError):
    """An alert's source file cannot be used; the detail names the field or the name that is wrong."""


class VerificationError(ClientError):
    """What the exchange showed does not verify.

    ``step`` is the step of the numbered list (``docs/spec/envelope.md``, Opening), ``rule`` the roster's or policy's rule
    that refused, where one did, and ``evidence`` what was shown, by name, as text (notes as they are, bytes as base64).
    """

    def __init__(
        self, step: int, code: str, detail: str, evidence: Mapping[str, str] | None = None, *, rule: str = ""
    ) -> None:
        super().__init__(code, detail)
        self.step = step
        self.rule = rule
        self.evidence = dict(evidence or {})

    @property
    def name(self) -> str:
        """How the step is reported."""
        return step_name(self.step)
