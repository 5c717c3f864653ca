"""How good a product was: its scores on what happened, and its rivals."""
