"""Where PyTorch computes, for all peers that use it."""

import report
import torch


def choose(args):
    """Whether that is CUDA, the device, and the element type; --precision auto is f16 on CUDA and f32 on CPUs."""
    torch.set_num_threads(args.threads)
    torch.set_grad_enabled(False)
    torch.backends.cudnn.benchmark = True
    cuda = torch.cuda.is_available()
    if args.precision == "auto":
        args.precision = "f16" if cuda else "f32"
    return cuda, torch.device("cuda" if cuda else "cpu"), torch.float16 if args.precision == "f16" else torch.float32


def described(cuda):
    """As a report has it."""
    if not cuda:
        return report.device()
    return report.device(torch.cuda.get_device_properties(0).name, "CUDA", f"CUDA {torch.version.cuda}", "DiscreteGpu")
