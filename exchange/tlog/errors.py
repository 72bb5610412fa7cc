"""Errors of the transparency-log arithmetic. They know no HTTP status; one table in the web layer maps the codes."""


class TlogError(Exception):
    """Something about a log's tree, tile, entry bundle or checkpoint does not hold."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.detail = message


class ProofError(TlogError):
    """The proof does not show what it claims. Whoever sent it is wrong or lying; do not use what it vouches for."""


class TileError(TlogError):
    """A tile path or a tile's bytes are not those of the tlog-tiles format."""


class BundleError(TlogError):
    """An entry bundle is not a whole sequence of length-prefixed entries."""


class CheckpointError(TlogError):
    """A checkpoint's text is not origin, size and root as docs/spec/logs.md writes them."""


class RequestError(TlogError):
    """What was sent to a witness, or came back from it, is not written as docs/spec/witness.md says."""
