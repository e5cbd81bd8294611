"""How well questions are answered: times, stalls, and signs that nobody looked. No ranking."""
