"""HTTP clients: ``hub`` for the Hugging Face Hub, ``rest`` for GitHub and Civitai."""
