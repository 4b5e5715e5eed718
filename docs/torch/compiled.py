"""What `torch.compile` makes of a scale: it needs a C++ compiler, and half a minute."""

import torch
from ternary_torch import StraightThrough

LATENTS = torch.randn(1024, 128, generator=torch.Generator().manual_seed(0)) / 128**0.5


def project(W_latent: torch.Tensor) -> torch.Tensor:
    return StraightThrough.apply(W_latent, 128)


def main() -> None:
    exact = {"emulate_precision_casts": True}
    tell("eager", project)
    tell("compiled", torch.compile(project))
    tell("compiled, casts kept", torch.compile(project, options=exact))


def tell(name: str, project) -> None:
    """How many of the scales are numbers that float16 has, and how far weights are from eager."""
    W = project(LATENTS)
    scales = W.abs().amax(dim=1)
    exact = StraightThrough.apply(LATENTS, 128)
    kept = int((scales == scales.half().float()).sum())
    largest = float((W / exact - 1).nan_to_num().abs().max())  # 0/0 where a code is 0
    off = f"weights are off by up to {largest:.0e}" if largest else "no weight differs"
    print(f"{name}: {kept} of {len(scales)} scales are numbers of float16, {off}")


if __name__ == "__main__":
    main()
