"""Which policy a question falls under, and what of it the question keeps."""
