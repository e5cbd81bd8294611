"""What a change needs before it is approved, as the policies are now."""
