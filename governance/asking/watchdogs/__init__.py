"""Who watches the engine: the auditor, the dead man's switch, the call to the outside."""
