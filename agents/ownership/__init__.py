"""Whose an agent is: its owner and its team."""
