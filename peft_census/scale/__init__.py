"""Past one machine: the same tagger on engines that others keep. Needs an extra of the package each."""
