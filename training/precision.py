"""In which precision a device multiplies fast."""

import torch


def half(device: torch.device) -> torch.autocast:
    """Return a context in which networks compute in bfloat16, where that is faster than float32.

    On processors that is with AMX alone: AVX-512 multiplies both at one speed and pays for the casts, and below it
    bfloat16 is emulated, some fifty times slower.
    """
    fast = device.type != "cpu" or bool(torch.cpu._is_amx_tile_supported())
    return torch.autocast(device.type, torch.bfloat16, enabled=fast)
