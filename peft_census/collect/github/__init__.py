"""Code search on GitHub."""
