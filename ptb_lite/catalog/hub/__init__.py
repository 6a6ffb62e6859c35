"""The Hugging Face Hub: models, downloads, revisions, errors."""
