"""In which precision a device multiplies fast."""

import torch


def half(device: torch.device) -> torch.autocast:
    """Return a context in which networks compute in bfloat16, where that is faster than float32.

    On processors that takes instructions for it, AMX or those that AVX-512 may have beside its others. Without them
    AVX-512 multiplies both at one speed and pays for the casts, and below it bfloat16 is emulated, some fifty times
    slower.
    """
    native = torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type != "cpu" or bool(native))
