"""What the server answers, one module per group of routes."""
