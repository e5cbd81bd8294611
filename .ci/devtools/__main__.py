"""`python -m devtools COMMAND`: dev.py comes here once `.venv` is ready."""

import os
import sys

from devtools.commands import main

# It was for finding this package; the portal's own processes need none.
os.environ.pop("PYTHONPATH", None)
sys.exit(main(sys.argv[1:]))
