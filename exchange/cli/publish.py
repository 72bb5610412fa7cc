"""``exchange publish``."""


def publish() -> None:
    """Comes with the client."""
