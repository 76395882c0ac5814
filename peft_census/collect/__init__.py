"""Collecting: the only place with a network. Each source hands over cards in one shape."""
