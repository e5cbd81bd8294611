"""What dev.py runs inside the project's own `.venv`: servers, processes, checks."""
