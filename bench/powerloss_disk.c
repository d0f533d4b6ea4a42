/*
 * Copyright (C) The Pharos Authors
 *
 * Powerloss, the disk: see powerloss_disk.h.
 */

#include "powerloss_disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>


#define POWER_NONE   ((size_t) -1)
#define POWER_PATH   8192
#define POWER_TORN   0.3        /* of the writes that are there */


static int power_log_done(const power_log_t *log, size_t i);
static void power_disk_do(power_disk_t *disk, const power_head_t *h);
static void power_disk_open(power_disk_t *disk, const power_head_t *h);
static void power_disk_flush(power_disk_t *disk, power_file_t *f, size_t n);
static void power_disk_flush_names(power_disk_t *disk);
static int power_disk_put(power_disk_t *disk, const char *path,
    const char *name, power_file_t *f);
static void power_disk_scatter(power_disk_t *disk, power_file_t *image,
    const power_ops_t *ops);
static void power_disk_tear(power_disk_t *disk, power_file_t *image,
    const power_head_t *h);
static power_file_t *power_disk_file(power_disk_t *disk, uint64_t inode);
static void power_ops_add(power_ops_t *ops, const power_head_t *h,
    size_t file);
static void power_ops_drop(power_ops_t *ops, size_t n);
static void power_file_do(power_file_t *f, const power_head_t *h);
static void power_file_write(power_file_t *f, size_t at, const uint8_t *p,
    size_t n);
static void power_file_resize(power_file_t *f, size_t size);
static size_t power_names_find(const power_names_t *names, const char *name);
static void power_names_do(power_names_t *names, const power_op_t *op);
static void power_names_set(power_names_t *names, const char *name,
    size_t file);
static void power_names_drop(power_names_t *names, const char *name);
static void *power_need(void *p);


int
power_log_open(power_log_t *log, const char *name)
{
    int                  fd;
    char                *p, *end;
    size_t               i, n;
    struct stat          st;
    const power_head_t  *h;

    fd = open(name, O_RDONLY);
    p = MAP_FAILED;

    if (fd != -1 && fstat(fd, &st) == 0) {
        p = mmap(NULL, (size_t) st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    }

    if (p == MAP_FAILED) {
        fprintf(stderr, "powerloss: \"%s\" cannot be read\n", name);
        return -1;
    }

    (void) close(fd);
    end = p + st.st_size;
    log->nrecords = 0;
    log->records = power_need(malloc(((size_t) st.st_size / sizeof(*h) + 1)
                                     * sizeof(h)));

    while ((size_t) (end - p) >= sizeof(*h)) {
        h = (const power_head_t *) p;

        if (h->magic != POWER_MAGIC || h->kind >= POWER_KINDS
            || power_size(h->len) > (size_t) (end - p) - sizeof(*h))
        {
            fprintf(stderr, "powerloss: \"%s\": no record at %lld\n", name,
                    (long long) (st.st_size - (end - p)));
            return -1;
        }

        log->records[log->nrecords++] = h;
        p += sizeof(*h) + power_size(h->len);
    }

    /* what its process did not live to do has not been done */

    for (i = 0, n = 0; i < log->nrecords; i++) {
        if (log->records[i]->kind != POWER_WRITE || power_log_done(log, i)) {
            log->records[n++] = log->records[i];
        }
    }

    log->nrecords = n;

    return n ? 0 : -1;
}


static int
power_log_done(const power_log_t *log, size_t i)
{
    const power_head_t  *w, *h;

    for (w = log->records[i++]; i < log->nrecords; i++) {
        h = log->records[i];

        if (h->pid == w->pid && h->file == w->file
            && (h->kind == POWER_WROTE || h->kind == POWER_WRITE))
        {
            return h->kind == POWER_WROTE;
        }
    }

    return 0;
}


void
power_disk_init(power_disk_t *disk, const power_log_t *log)
{
    memset(disk, 0, sizeof(power_disk_t));
    disk->log = log;
}


void
power_disk_run(power_disk_t *disk, size_t point)
{
    while (disk->next <= point) {
        power_disk_do(disk, disk->log->records[disk->next++]);
    }
}


static void
power_disk_do(power_disk_t *disk, const power_head_t *h)
{
    power_file_t  *f;

    f = power_disk_file(disk, h->file);

    switch (h->kind) {

    case POWER_OPEN:
        power_disk_open(disk, h);
        return;

    case POWER_RENAME:
    case POWER_UNLINK:
        power_ops_add(&disk->ops, h, 0);
        power_names_do(&disk->now, &disk->ops.op[disk->ops.n - 1]);
        return;

    case POWER_SYNC_FOLDER:
        disk->ops.flushing = disk->ops.n;
        return;

    case POWER_SYNCED_FOLDER:
        power_disk_flush_names(disk);
        return;
    }

    if (f == NULL) {
        return;
    }

    switch (h->kind) {

    case POWER_WRITE:
    case POWER_TRUNCATE:
        power_ops_add(&f->ops, h, 0);
        return;

    case POWER_WROTE:
        if (h->at) {
            /* this one alone: others of the file may still be lost */
            power_file_do(f, f->ops.op[f->ops.n - 1].record);
            disk->nflushed += f->ops.op[f->ops.n - 1].record->len;
            f->ops.n--;
        }
        return;

    case POWER_SYNC:
        f->ops.flushing = f->ops.n;
        return;

    case POWER_SYNCED:
        power_disk_flush(disk, f, f->ops.flushing);
        return;
    }
}


static void
power_disk_open(power_disk_t *disk, const power_head_t *h)
{
    size_t       at;
    const char  *name;

    name = (const char *) (h + 1);
    at = power_names_find(&disk->now, name);

    if (at == POWER_NONE
        || disk->files[disk->now.file[at]].inode != h->file)
    {
        if (disk->nfiles == POWER_FILES) {
            fprintf(stderr, "powerloss: too many files\n");
            exit(1);
        }

        disk->files[disk->nfiles].inode = h->file;
        power_ops_add(&disk->ops, h, disk->nfiles++);
        power_names_do(&disk->now, &disk->ops.op[disk->ops.n - 1]);
    }

    if (h->at & O_TRUNC) {
        power_ops_add(&power_disk_file(disk, h->file)->ops, h, 0);
    }
}


/* the newest of that number: one that is gone may have given it away */

static power_file_t *
power_disk_file(power_disk_t *disk, uint64_t inode)
{
    size_t  i;

    for (i = disk->nfiles; i > 0; i--) {
        if (disk->files[i - 1].inode == inode) {
            return &disk->files[i - 1];
        }
    }

    return NULL;
}


static void
power_disk_flush(power_disk_t *disk, power_file_t *f, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        power_file_do(f, f->ops.op[i].record);
        disk->nflushed += f->ops.op[i].record->len;
    }

    power_ops_drop(&f->ops, n);
}


static void
power_disk_flush_names(power_disk_t *disk)
{
    size_t  i, n;

    n = disk->ops.flushing;

    for (i = 0; i < n; i++) {
        power_names_do(&disk->flushed, &disk->ops.op[i]);
    }

    power_ops_drop(&disk->ops, n);
}


int
power_disk_write(power_disk_t *disk, const char *dir)
{
    DIR            *d;
    char            path[POWER_PATH];
    size_t          i, n;
    struct dirent  *e;
    power_names_t   names;

    (void) mkdir(dir, 0700);
    d = opendir(dir);

    while (d && (e = readdir(d)) != NULL) {
        snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);

        if (e->d_name[0] != '.') {
            (void) unlink(path);
        }
    }

    if (d == NULL) {
        fprintf(stderr, "powerloss: no folder \"%s\"\n", dir);
        return -1;
    }

    (void) closedir(d);

    names = disk->flushed;
    n = (size_t) (drand48() * (double) (disk->ops.n + 1));

    for (i = 0; i < n; i++) {
        power_names_do(&names, &disk->ops.op[i]);
    }

    for (i = 0; i < names.n; i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, names.name[i]);

        if (power_disk_put(disk, path, names.name[i],
                           &disk->files[names.file[i]])
            != 0)
        {
            fprintf(stderr, "powerloss: \"%s\" cannot be written\n", path);
            return -1;
        }
    }

    return 0;
}


static int
power_disk_put(power_disk_t *disk, const char *path, const char *name,
    power_file_t *f)
{
    int           fd, rc;
    size_t        i;
    power_file_t  image;

    image = *f;
    memset(&image.ops, 0, sizeof(image.ops));
    image.bytes = NULL;
    image.max = 0;
    image.size = 0;
    power_file_write(&image, 0, f->bytes, f->size);
    power_disk_scatter(disk, &image, &f->ops);

    if (strcmp(name, "lock.mdb") == 0 && drand48() < 0.5) {
        for (i = 0; i < image.size; i++) {
            image.bytes[i] = (uint8_t) lrand48();
        }
    }

    fd = open(path, O_WRONLY|O_CREAT|O_TRUNC, 0600);
    rc = fd == -1
         || write(fd, image.bytes, image.size) != (ssize_t) image.size;

    if (fd != -1) {
        (void) close(fd);
    }

    free(image.bytes);

    return rc;
}


/* all, none, or some of what was done after the last flush */

static void
power_disk_scatter(power_disk_t *disk, power_file_t *image,
    const power_ops_t *ops)
{
    double               share;
    size_t               i, k, n, *order;
    const power_head_t  *h;

    static const double  shares[] = { 0, 0.1, 0.5, 0.5, 0.9, 1 };

    share = shares[(size_t) (drand48() * 6)];
    order = power_need(calloc(ops->n + 1, sizeof(size_t)));

    for (i = 0, n = 0; i < ops->n; i++) {
        disk->npending++;

        if (drand48() >= share) {
            disk->nlost++;
            continue;
        }

        k = (size_t) (drand48() * (double) (n + 1));
        order[n++] = order[k];
        order[k] = i;
    }

    for (i = 0; i < n; i++) {
        h = ops->op[order[i]].record;

        if (h->kind == POWER_WRITE && drand48() < POWER_TORN) {
            power_disk_tear(disk, image, h);
        } else {
            power_file_do(image, h);
        }
    }

    free(order);
}


/* sectors are whole, and may be there each without the others */

static void
power_disk_tear(power_disk_t *disk, power_file_t *image,
    const power_head_t *h)
{
    double          share;
    size_t          at, n;
    const uint8_t  *p;

    share = drand48();
    disk->ntorn++;

    for (at = 0; at < h->len; at += n) {
        n = POWER_SECTOR - (h->at + at) % POWER_SECTOR;
        n = n < h->len - at ? n : h->len - at;
        p = (const uint8_t *) (h + 1) + at;

        if (drand48() < share) {
            power_file_write(image, h->at + at, p, n);
        }
    }
}


static void
power_ops_add(power_ops_t *ops, const power_head_t *h, size_t file)
{
    if (ops->n == ops->max) {
        ops->max = ops->max ? 2 * ops->max : 16;
        ops->op = power_need(realloc(ops->op,
                                     ops->max * sizeof(power_op_t)));
    }

    ops->op[ops->n].record = h;
    ops->op[ops->n].file = file;
    ops->n++;
}


static void
power_ops_drop(power_ops_t *ops, size_t n)
{
    memmove(ops->op, ops->op + n, (ops->n - n) * sizeof(power_op_t));
    ops->n -= n;
    ops->flushing = 0;
}


static void
power_file_do(power_file_t *f, const power_head_t *h)
{
    if (h->kind == POWER_WRITE) {
        power_file_write(f, h->at, (const uint8_t *) (h + 1), h->len);

    } else {
        power_file_resize(f, h->kind == POWER_TRUNCATE ? h->at : 0);
    }
}


static void
power_file_write(power_file_t *f, size_t at, const uint8_t *p, size_t n)
{
    if (n == 0) {
        return;
    }

    if (at + n > f->size) {
        power_file_resize(f, at + n);
    }

    memcpy(f->bytes + at, p, n);
}


static void
power_file_resize(power_file_t *f, size_t size)
{
    if (size > f->max) {
        f->max = size + size / 2;
        f->bytes = power_need(realloc(f->bytes, f->max));
    }

    if (size > f->size) {
        memset(f->bytes + f->size, 0, size - f->size);
    }

    f->size = size;
}


static size_t
power_names_find(const power_names_t *names, const char *name)
{
    size_t  i;

    for (i = 0; i < names->n; i++) {
        if (strcmp(names->name[i], name) == 0) {
            return i;
        }
    }

    return POWER_NONE;
}


static void
power_names_do(power_names_t *names, const power_op_t *op)
{
    size_t       at;
    const char  *name;

    name = (const char *) (op->record + 1);
    at = power_names_find(names, name);

    if (op->record->kind == POWER_OPEN) {
        power_names_set(names, name, op->file);

    } else if (at != POWER_NONE) {
        if (op->record->kind == POWER_RENAME) {
            power_names_set(names, name + strlen(name) + 1, names->file[at]);
        }

        power_names_drop(names, name);
    }
}


static void
power_names_set(power_names_t *names, const char *name, size_t file)
{
    size_t  at;

    at = power_names_find(names, name);

    if (at == POWER_NONE) {
        if (names->n == POWER_NAMES) {
            fprintf(stderr, "powerloss: too many names\n");
            exit(1);
        }

        at = names->n++;
        snprintf(names->name[at], POWER_NAME, "%s", name);
    }

    names->file[at] = file;
}


static void
power_names_drop(power_names_t *names, const char *name)
{
    size_t  at;

    at = power_names_find(names, name);
    names->n--;
    memmove(names->name[at], names->name[names->n], POWER_NAME);
    names->file[at] = names->file[names->n];
}


static void *
power_need(void *p)
{
    if (p == NULL) {
        fprintf(stderr, "powerloss: no memory\n");
        exit(1);
    }

    return p;
}
