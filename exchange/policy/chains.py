"""Which registry statements justify an alert to somebody who has no registry (``docs/spec/envelope.md``, A visitor's check).

Founding, registrars, policy, terms and witnesses; the author's organisation and what it accepted; the persons and devices of
author, candidate approvers and whoever signed; and in turn of every administrator who signed one of these. The unit is always
a whole chain, for a statement that is left out of one would be missed (M5). Pure: the caller reads the statements.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from keys.envelope import Envelope

PUBLIC_FAMILIES = frozenset({"exchange", "policy", "registrars", "terms", "witnesses"})
"""Chains that every member is shown, and the visitor who checks a CLEAR alert."""


def alert_chains(chains: Iterable[str], organisation: str, approvers: Iterable[str]) -> list[str]:
    """Where the walk for an alert begins, without its signers: of all ``chains`` those that are everybody's, those of the
    author's organisation, and those of the candidate approvers."""
    return [
        *(chain for chain in chains if chain.partition("/")[0] in PUBLIC_FAMILIES),
        f"organisation/{organisation}",
        f"acceptance/{organisation}",
        *(f"person/{person}" for person in approvers),
    ]


class ChainWalk:
    """Goes from chain to chain by who signed: iterate, and tell it the envelopes of each chain before asking for the next.

    ``device_of_key`` and ``person_of`` are the registry's, by key id and by device; a registrar's key is in the public chains.
    """

    def __init__(
        self, device_of_key: Mapping[str, str], person_of: Callable[[str], str], chains: Iterable[str]
    ) -> None:
        self._device_of_key = device_of_key
        self._person_of = person_of
        self._waiting = list(chains)
        self._taken: set[str] = set()

    def __iter__(self) -> Iterator[str]:
        """Each chain once; ends when nobody who signed is left out."""
        while self._waiting:
            chain = self._waiting.pop()
            if chain not in self._taken:
                self._taken.add(chain)
                yield chain

    def signed(self, envelope: Envelope) -> None:
        """The chains of the devices that signed, and of their persons, belong to it."""
        for key in envelope.signer_ids:
            device = self._device_of_key.get(key)
            if device is not None:
                self._waiting += [f"device/{device}", f"person/{self._person_of(device)}"]
