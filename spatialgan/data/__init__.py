"""Images on disk: procedural scenes, the StyleGAN ZIP archive, and the sources that fill it."""
