import sys

from stuck.cli import main

sys.exit(main())
