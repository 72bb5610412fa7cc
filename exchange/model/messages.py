"""The plaintexts of messages: what a recipient tells the source of an alert, and the source answers (``docs/spec/sharing.md``).

Only the two can read them; everything in them came from somebody else and is read strictly.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, Field, StringConstraints, ValidationError, model_validator

from exchange.model.alert import IdSet
from exchange.model.problems import Malformed, first_error
from exchange.model.scalars import Record, ShortText, Time, visible_lines
from keys import encoding
from keys.errors import EncodingError

MAX_MESSAGE = 4000
"""Bytes of a plaintext."""

MessageText = Annotated[
    str, StringConstraints(strict=True, min_length=1, max_length=2000), AfterValidator(visible_lines)
]
"""Some lines of text."""
ReactionLevel = Literal["affected", "away", "in-hand", "not-affected"]


class Reaction(Record):
    """What a recipient does about an alert: in hand, not affected, affected (please call), or away and who stands in."""

    call: ShortText | None = None
    deputy: Annotated[str, Field(min_length=22, max_length=22)] | None = None
    level: ReactionLevel
    text: MessageText | None = None
    until: Time | None = None

    @model_validator(mode="after")
    def _away(self) -> Reaction:
        if self.level != "away" and (self.deputy is not None or self.until is not None):
            raise ValueError("a deputy and an end stand in an absence, and only there")
        return self


class Question(Record):
    """To whom a recipient would like to pass an alert on, and why."""

    organisations: Annotated[tuple[ShortText, ...], Field(min_length=1, max_length=20)] | None = None
    persons: IdSet | None = None
    text: MessageText


class Reply(Record):
    """The words beside an answer."""

    text: MessageText


_R = TypeVar("_R", bound=Record)


def parse_message(model: type[_R], data: bytes) -> _R:
    """Decode a plaintext; raises Malformed (``message-malformed``)."""
    try:
        raw: dict[str, Any] = encoding.decode(data, max_bytes=MAX_MESSAGE)
        return model.model_validate(raw)
    except ValidationError as error:
        raise Malformed("message-malformed", first_error(error)) from None
    except EncodingError as error:
        raise Malformed("message-malformed", str(error)) from None


def encode_message(message: Record) -> bytes:
    """The plaintext; raises Malformed (``message-malformed``) above MAX_MESSAGE bytes."""
    data = encoding.encode(message.to_json())
    if len(data) > MAX_MESSAGE:
        raise Malformed("message-malformed", f"a message has at most {MAX_MESSAGE} bytes; this one has {len(data)}")
    return data
