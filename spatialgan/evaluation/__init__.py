"""How good a generator is: FID, KID, precision, recall, and the extractor they are measured with."""
