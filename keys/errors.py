"""The errors of `keys`.

Each class is one situation; `code` (kebab-case) names the exact cause for programs and tests, the message says it
to a person. The docstring of a class is the sentence shown when no message was given. No error carries secret
bytes, and none knows an HTTP status.
"""


class KeysError(Exception):
    """Something about a key, a signature or a sealed message is not right."""

    def __init__(self, code: str, message: str | None = None) -> None:
        self.code = code
        if message is None:
            message = (type(self).__doc__ or "").strip().splitlines()[0]
        self.message = message
        super().__init__(message)

    def __reduce__(self) -> tuple[type["KeysError"], tuple[str, str]]:
        # Errors cross process borders (sealing workers): the default would lose `code`.
        return (type(self), (self.code, self.message))


class EncodingError(KeysError):
    """These bytes are not written in the one way that is allowed."""


class EnvelopeError(KeysError):
    """This is not a well-formed statement envelope."""


class SignatureError(KeysError):
    """The signatures are not exactly those that are required, or one of them is wrong."""


class BadKey(KeysError):
    """This public key must not be used."""


class NoteError(KeysError):
    """This is not a signed note, or it is not signed by whom it must be."""


class OpenError(KeysError):
    """The message cannot be opened, or is not what it claims to be."""


class KeyFileError(KeysError):
    """The key file cannot be used."""


class SigningFileError(KeysError):
    """This signing file must not be signed."""
