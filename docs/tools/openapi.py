"""Write docs/openapi.json: the interface as OpenAPI 3.1, from exchange/web/routes.py."""

from pathlib import Path

from exchange.web.openapi import encoded
from exchange.web.routes import ROUTES

PAGE = Path(__file__).parents[1] / "openapi.json"


def page() -> bytes:
    """The whole file."""
    return encoded(ROUTES)


if __name__ == "__main__":
    PAGE.write_bytes(page())
