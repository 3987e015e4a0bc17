"""The paths that MWAA and Glue give our code: plugins and Glue modules are top-level there."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
for folder in (ROOT, ROOT / "plugins", ROOT / "glue_jobs"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
