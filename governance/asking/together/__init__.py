"""What colleagues do about a question together: claim, snooze, watch, comment, hand over."""
