/*
 * Copyright (C) The Pharos Authors
 *
 * Any bytes as pages of a damaged store: the first byte chooses what is
 * sound around them, the rest is a leaf or a branch that two roots lead to.
 * Checksums of its records are made right, so that what is behind them is
 * reached.  Whatever is in it, the scan ends and reads nothing else.
 */

#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#include "core/bytes.h"
#include "store/page.h"
#include "store/scan.h"


#define PAGE    4096
#define NPAGES  6


static void
put(uint8_t *p, uint64_t v, size_t n)
{
    memcpy(p, &v, n);
}


/* meta page i: trees of the given depth, with their roots */
static void
meta(uint8_t *p, unsigned i, unsigned depth)
{
    put(p, i, 8);
    p[10] = PHR_PAGE_META;
    put(p + 16, 0xbeefc0de, 4);
    put(p + 20, 1, 4);
    p += 40;

    put(p, PAGE, 4);
    p[4] = PHR_PAGE_INTEGER;
    p[6] = (uint8_t) depth;
    put(p + 40, 3, 8);
    p += PHR_PAGE_DB_SIZE;
    p[6] = (uint8_t) depth;
    put(p + 40, 2, 8);
    p += PHR_PAGE_DB_SIZE;

    put(p, NPAGES - 1, 8);
    put(p + 8, 6 + i, 8);
}


/* right checksums */
static void
seal(uint8_t *page, uint64_t pgno)
{
    size_t            i, n, bytes;
    phr_pages_t       f;
    phr_page_node_t   node;

    f.page_size = PAGE;

    if (phr_page_open(&f, pgno, page, &n, NULL) != PHR_OK) {
        return;
    }

    for (i = 0; i < n; i++) {
        if (phr_page_node(&f, pgno, page, i, &node, &bytes, NULL) == PHR_OK
            && phr_page_flags(page) == PHR_PAGE_LEAF
            && !(node.flags & PHR_NODE_BIG) && node.size >= PHR_CRC_SIZE)
        {
            phr_record_seal(node.key, node.klen,
                            page + (node.data - page), node.size);
        }
    }
}


static int
visit(void *data, phr_scan_rank_e rank, phr_db_e db, phr_str_t key,
    phr_str_t value, phr_err_t *err)
{
    size_t    *n;
    uint32_t   sum;

    n = data;
    fuzz_check(++*n < 1000000 && db < PHR_DB_MAX);

    /* all of them can be read */
    sum = phr_crc32c(0, key.data, key.len);
    sum = phr_crc32c(sum, value.data, value.len);

    return sum == 0 && key.len > PHR_KEY_MAX ? PHR_ERROR : PHR_OK;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int                 fd, rc;
    char                name[64];
    size_t              i, n;
    uint8_t             file[NPAGES * PAGE], how;
    phr_err_t           err;
    phr_scan_result_t   result;

    if (size < 1) {
        return 0;
    }

    how = *data++;
    size = phr_min(size - 1, (size_t) PAGE);
    memset(file, 0, sizeof(file));

    for (i = 0; i < 2; i++) {
        if (how >> i & 1) {
            meta(file + i * PAGE, (unsigned) i, how >> 4 & 3);
        }
    }

    for (i = 2; i < NPAGES; i++) {
        memcpy(file + i * PAGE, data, size);

        if (how & 4) {
            put(file + i * PAGE, i, 8);
            file[i * PAGE + 10] = how & 8 && i < 4 ? PHR_PAGE_BRANCH
                                                   : PHR_PAGE_LEAF;
            file[i * PAGE + 11] = 0;
        }

        seal(file + i * PAGE, i);
    }

    fd = memfd_create("scan", MFD_CLOEXEC);
    fuzz_check(fd != -1
               && write(fd, file, sizeof(file)) == (ssize_t) sizeof(file));
    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);

    n = 0;
    rc = phr_scan(name, NULL, visit, &n, &result, &err);
    fuzz_check(rc == PHR_OK || rc == PHR_EIO);
    close(fd);

    return 0;
}
