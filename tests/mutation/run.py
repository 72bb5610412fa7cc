"""`make mutants`: do the tests notice when one piece of a module is wrong? (docs/mutants.md)"""

from __future__ import annotations

import sys
from pathlib import Path

# The script's own folder stands first on the path; the modules are named from the root.
sys.path[0] = str(Path(__file__).resolve().parents[2])

from tests.mutation.suite import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
