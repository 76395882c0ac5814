"""The HTTP clients."""
