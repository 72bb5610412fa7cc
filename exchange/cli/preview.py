"""``exchange preview``."""


def preview() -> None:
    """Comes with the client."""
