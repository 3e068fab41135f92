"""Let the C library keep the memory of freed tensors for the next ones.

glibc gives each block above 32 MiB back to the system when it is freed, and also the
end of its heap. The next tensor of that size then costs one page fault per 4 KiB, and
the system fills each page with zeros. In training with large tensors this was more than
half of the time. The cost of the other setting: freed memory is not returned to the
system before the process ends.
"""

from __future__ import annotations

import ctypes
import os

#: numbers of glibc's `malloc.h`, and the environment variables that also set them
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
VARIABLES = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_MAX_", "GLIBC_TUNABLES")


def reuse_memory() -> None:
    """Set glibc's allocator to keep freed memory; without glibc, do nothing.

    If the environment sets the allocator, its setting stays.
    """
    if any(name in os.environ for name in VARIABLES):
        return
    try:
        library = ctypes.CDLL(None)
        mallopt = library.mallopt
        _ = library.gnu_get_libc_version  # another C library has another mallopt
    except (AttributeError, OSError, TypeError):  # TypeError on Windows
        return
    mallopt(M_MMAP_MAX, 0)
    mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
