"""One review over an explicit list of versions."""
