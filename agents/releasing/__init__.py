"""What runs where: release, roll back, suspend, break the glass, and as it was."""
