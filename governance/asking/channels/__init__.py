"""Loud is more than mail: browsers that show notices, and one chat room."""
