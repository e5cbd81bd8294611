"""What follows a case: broken promises, permits to look after, kept answers."""
