"""Wire formats: bytes to the vocabulary, and the vocabulary to bytes."""
