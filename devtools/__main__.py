"""`python -m devtools COMMAND`: dev.py comes here once `.venv` is ready."""

import sys

from devtools.commands import main

sys.exit(main(sys.argv[1:]))
