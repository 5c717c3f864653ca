"""What a user's model is, how it is found, and which code it consists of."""
