"""Model cards from the Hugging Face Hub."""
