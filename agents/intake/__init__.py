"""Files that come in together: archives, folders, many at once, and what became of each."""
