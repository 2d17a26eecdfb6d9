#include "lib/footprint.h"

#include <link.h>
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

enum { BIG_BLOCK_BYTES = 128 * 1024 }; /* set, it stays: else glibc raises it with what is freed */

void footprint_one_heap(void)
{
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, BIG_BLOCK_BYTES);
    mallopt(M_TRIM_THRESHOLD, BIG_BLOCK_BYTES);
}

void footprint_trim(void)
{
    malloc_trim(0);
}

/* Only what is never written: a written page of a library, such as its relocated pointers, has no
 * copy anywhere else. */
static int forget(struct dl_phdr_info *library, size_t size, void *unused)
{
    (void)size;
    (void)unused;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (int i = 0; i < library->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &library->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || (part->p_flags & PF_W)) continue;
        uintptr_t begin = (library->dlpi_addr + part->p_vaddr) & ~(page - 1);
        uintptr_t end = library->dlpi_addr + part->p_vaddr + part->p_memsz;
        madvise((void *)begin, end - begin, MADV_DONTNEED); /* a refusal costs nothing */
    }
    return 0;
}

void footprint_forget_start(void)
{
    dl_iterate_phdr(forget, NULL);
}
