"""What follows a case: edited questions, broken promises, permits to look after, kept answers."""
