"""``exchange watch``."""


def watch() -> None:
    """Comes with the client."""
