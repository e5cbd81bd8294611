"""Write or change a definition in the browser."""
