#!/usr/bin/env python
"""Django's commands. `python3 dev.py manage COMMAND` runs them with servers and settings."""

import os
import sys

from django.core.management import execute_from_command_line


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
