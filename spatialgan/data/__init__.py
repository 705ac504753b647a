"""Images on disk: the StyleGAN ZIP archive, and the sources that fill it."""
