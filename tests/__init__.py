"""A package, so that no installed package of this name (ppi-python brings one) stands in its place."""
