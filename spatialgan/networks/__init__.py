"""StyleGAN2 in plain PyTorch, with heatmaps encoded in the generator and features out of the discriminator."""
