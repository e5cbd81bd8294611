"""What would happen to a case: the policy that takes it, and who is told when."""
