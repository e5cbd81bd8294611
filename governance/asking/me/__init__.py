"""A person's own page: when they are told, by what, and who stands in."""
