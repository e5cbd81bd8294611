"""Several cases on one page: equal ones as a group, and an explicit list. Each stays its own."""
