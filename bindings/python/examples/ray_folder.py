"""Many pictures on many machines, with Ray: one network on each worker, one folder for all of them.

    python ray_folder.py --network ffhq.pkl --seeds 100000 --outdir /shared/many --workers 8

The list of seeds is cut into shards; a worker takes one after another. A shard that was interrupted, by whatever, goes on where it was when the
same command runs again, or `stylegan generate --shard`: each has a manifest in the folder, which all machines must see. A worker takes a
CPU of Ray's, and Ray needs one more to hand out the list: on one machine, have fewer workers than CPUs.
"""

import argparse
import os

import ray
import stylegan_wgpu


class Draw:
    """A worker: it loads the network once."""

    def __init__(self, network, seeds, outdir, shards, batch, psi):
        self.G = stylegan_wgpu.load(network, batch=batch)
        self.seeds, self.outdir, self.shards, self.psi = seeds, outdir, shards, psi

    def __call__(self, rows):
        drawn = [
            self.G.generate_into(self.outdir, range(self.seeds), psi=self.psi, shard=(int(index) + 1, self.shards))
            for index in rows["id"]
        ]
        return {"shard": rows["id"] + 1, "drawn": drawn, "worker": [os.getpid()] * len(drawn)}


def run(network, seeds, outdir, workers, shards, batch=1, psi=0.7, gpus=0.0):
    """What each shard drew, as dicts with shard, drawn and worker."""
    return (
        ray.data.range(shards, override_num_blocks=shards)
        .map_batches(
            Draw,
            fn_constructor_args=(network, seeds, outdir, shards, batch, psi),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=workers),
            num_gpus=gpus,
        )
        .take_all()
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", help="a checkpoint that every worker can read; the built-in avatars without one")
    parser.add_argument("--seeds", type=int, default=64, help="pictures: seeds 0 to this number, without it")
    parser.add_argument("--outdir", required=True, help="a folder that every worker can write into")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--shards", type=int, help="parts of the list (four for each worker): the more, the evener the load")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--psi", type=float, default=0.7)
    parser.add_argument("--gpus", type=float, default=0.0, help="GPUs of each worker, where Ray knows of GPUs")
    args = parser.parse_args()
    shards = args.shards or 4 * args.workers
    outdir = os.path.abspath(args.outdir)
    rows = run(args.network, args.seeds, outdir, args.workers, shards, args.batch, args.psi, args.gpus)
    workers = {row["worker"] for row in rows}
    print(f"{sum(row['drawn'] for row in rows)} pictures drawn by {len(workers)} workers, the others were there")


if __name__ == "__main__":
    main()
