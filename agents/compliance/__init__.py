"""Versions beside the constitution: the matrix, waivers, staleness and its forecast."""
