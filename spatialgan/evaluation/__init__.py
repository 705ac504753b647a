"""How good a generator is and how well it obeys: MEASURES on one harness, each written to a JSON record."""
