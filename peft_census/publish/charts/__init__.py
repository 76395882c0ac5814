"""Charts: one module each; ``registry`` lists them."""
