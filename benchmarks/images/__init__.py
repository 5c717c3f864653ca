"""Size of the images, and how fast processes start in them."""
