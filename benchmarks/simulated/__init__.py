"""A week of agents that ask and people who answer, played on the real services."""
