"""``python client/demo.py``: the demonstration without installing the client."""

import sys

from stuck.demo import main

if __name__ == "__main__":
    sys.exit(main())
