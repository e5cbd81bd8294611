"""A family as a whole: who works with whom, who reaches a human, what is claimed and real."""
