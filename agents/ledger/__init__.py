"""What each rule of an agent amounts to, and whether it bites."""
