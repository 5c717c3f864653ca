"""Mean arrival delays from New York in the month to come."""
