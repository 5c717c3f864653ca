"""Shares of disrupted flights from New York in the month to come."""
