# What NVIDIA's driver says of its cards, through its own library: no process is started.
# SPDX-License-Identifier: Apache-2.0
import ctypes


class Memory(ctypes.Structure):
    _fields_ = [
        ("total", ctypes.c_ulonglong),
        ("free", ctypes.c_ulonglong),
        ("used", ctypes.c_ulonglong),
    ]


def library():
    """The library, ready; None where there is no driver."""
    try:
        nvml = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return None
    return nvml if nvml.nvmlInit_v2() == 0 else None


def driver():
    """Its version, such as "580.65.06"; empty where there is none."""
    nvml, text = library(), ctypes.create_string_buffer(96)
    return text.value.decode() if nvml and nvml.nvmlSystemGetDriverVersion(text, 96) == 0 else ""


def used_mb(index):
    """Memory of a card that is in use, by whomever, in MB (1e6 bytes); 0 where nobody can say."""
    nvml, card, memory = library(), ctypes.c_void_p(), Memory()
    if not nvml or nvml.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(card)) != 0:
        return 0.0
    return (
        memory.used / 1e6 if nvml.nvmlDeviceGetMemoryInfo(card, ctypes.byref(memory)) == 0 else 0.0
    )
