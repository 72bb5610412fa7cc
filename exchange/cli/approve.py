"""``exchange approve``."""


def approve() -> None:
    """Comes with the client."""
