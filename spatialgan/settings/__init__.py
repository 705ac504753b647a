"""Settings: what `params/` may say, checked (no torch), and a run's configuration made of it."""
