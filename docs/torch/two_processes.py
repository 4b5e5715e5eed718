"""Twenty steps in one process, or in several: `torchrun --nproc-per-node 2 two_processes.py`."""

import hashlib
import os

import torch
import torch.distributed as dist
from ternary_torch import TernaryMatrix, TorchTrainer
from torch.nn.parallel import DistributedDataParallel

from ternary import Trainer, TrainingConfig

STEPS = 20


def main() -> None:
    torch.set_num_threads(1)
    trainer = Trainer(TrainingConfig(steps=STEPS, threads=1))
    if "RANK" not in os.environ:  # python two_processes.py
        run = TorchTrainer(trainer)
        tell(run, [run.take_step() for _ in range(STEPS)])
        return
    dist.init_process_group("gloo")  # "nccl", where every process has a GPU
    rank, n_ranks = dist.get_rank(), dist.get_world_size()
    run = TorchTrainer(trainer, DistributedDataParallel, rank, n_ranks)
    losses = torch.tensor([run.take_step() for _ in range(STEPS)], dtype=torch.float64)
    dist.all_reduce(losses)  # each saw the mean over its own part
    hashes = [None] * n_ranks
    dist.all_gather_object(hashes, hash_of_codes(run))
    assert len(set(hashes)) == 1, "the processes have different codes"
    if rank == 0:
        tell(run, (losses / n_ranks).tolist())
    dist.destroy_process_group()


def tell(run: TorchTrainer, losses: list[float]) -> None:
    print(*losses)
    print(hash_of_codes(run))


def hash_of_codes(run: TorchTrainer) -> str:
    digest = hashlib.sha256()
    for module in run.model.modules():
        if isinstance(module, TernaryMatrix):
            codes = module.W_ternary().detach().sign().to(torch.int8)
            digest.update(codes.numpy())
    return digest.hexdigest()


if __name__ == "__main__":
    main()
