"""Changes of the configuration: what loosens waits for a second administrator."""
