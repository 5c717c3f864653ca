"""The predictive distribution of a million rows, in time and memory, against simulating every count."""
