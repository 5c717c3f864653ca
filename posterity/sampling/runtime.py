"""How this process runs JAX: float64 on the CPU, one thread per chain.

Import this module before JAX: XLA reads its flags once, when its first device is opened.
"""

import os
import platform
from importlib import metadata
from pathlib import Path

XLA_FLAGS = ("--xla_cpu_multi_thread_eigen=false",)
"""Flags that every process of the engine sets; matrix products stay on the thread of their chain."""

PACKAGES = ("jax", "jaxlib", "blackjax", "numpy")

os.environ["XLA_FLAGS"] = " ".join(dict.fromkeys([*os.environ.get("XLA_FLAGS", "").split(), *XLA_FLAGS]))
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax as jax  # noqa: E402 (after the flags)
from jax import export as export  # noqa: E402

jax.config.update("jax_enable_x64", True)
# A program runs on the thread that calls it (with the GIL released), so that one thread is one chain.
jax.config.update("jax_cpu_enable_async_dispatch", False)


def versions() -> dict[str, str]:
    """Versions of what decides the bits of a draw, with the XLA flags of this process."""
    flags = " ".join(sorted(os.environ["XLA_FLAGS"].split()))
    return {**{name: metadata.version(name) for name in PACKAGES}, "xla_flags": flags}


def cpu_family() -> str:
    """Architecture, vendor, family and widest vector unit of this CPU, e.g. `x86_64-AuthenticAMD-25-avx512f`."""
    facts = _cpuinfo(Path("/proc/cpuinfo"))
    flags = facts.get("flags", facts.get("Features", "")).split()
    widest = next((name for name in ("avx512f", "avx2", "sse4_2", "sve", "asimd") if name in flags), "scalar")
    vendor = facts.get("vendor_id", facts.get("CPU implementer", platform.processor() or "unknown"))
    family = facts.get("cpu family", facts.get("CPU part", "0"))
    return "-".join([platform.machine(), vendor, family, widest])


def _cpuinfo(path: Path) -> dict[str, str]:
    """The first processor's entry; empty where the system has no such file."""
    if not path.is_file():
        return {}
    first = path.read_text().split("\n\n", 1)[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}
