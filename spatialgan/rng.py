"""Random generators as a function of (seed, stream, index), so that no random state is ever stored.

A stream is a word for what is drawn ("layout", "z", "noise", ...); the index counts images or
steps. Training reseeds at every step and evaluation at every image, hence resuming, sharding and
batching change no draw.
"""

import hashlib

import torch


def generator_for(
    seed: int, stream: str, index: int, device: str | torch.device = "cpu"
) -> torch.Generator:
    """Return a fresh generator on `device` whose draws depend on (seed, stream, index) alone.

    The seed is 63 bits of blake2b. CPU generators (Mersenne twister) use its low 32 bits only, so
    among 50,000 indices one coinciding pair is expected in about a quarter of all streams; that is
    harmless for sampling.
    """
    digest = hashlib.blake2b(f"{seed}/{stream}/{index}".encode(), digest_size=8).digest()
    generator = torch.Generator(device=device)
    generator.manual_seed(int.from_bytes(digest, "little") >> 1)
    return generator
