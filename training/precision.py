"""In which precision a device multiplies fast."""

import torch


def half(device: torch.device) -> torch.autocast:
    """Return a context in which networks compute in bfloat16, where the device has it.

    A processor without it (below AVX-512) does the same steps by emulation, some fifty times slower than in float32.
    """
    fast = device.type != "cpu" or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return torch.autocast(device.type, torch.bfloat16, enabled=fast)
