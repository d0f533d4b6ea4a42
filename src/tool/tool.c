/*
 * Copyright (C) The Pharos Authors
 *
 * Tool: messages, and opening a store.
 *
 * Readers need no lock of ours: LMDB gives each transaction a snapshot, and
 * writers do not wait.  A writer takes the lock that the helper process of
 * nginx takes, flock() on the file "lock", so that of both one writes.
 *
 * The program often runs as root while nginx's helper does not; files made
 * here are given to the owner of the folder, or the helper could not open
 * what root left behind.
 */

#include "tool/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "store/page.h"
#include "store/tree.h"
#include "store/vault.h"


#define PHR_TOOL_PATH  4096


static int phr_tool_pages(const char *path, phr_err_t *err);
static int phr_tool_short(const char *path, int *is_short, phr_err_t *err);
static int phr_tool_open(const char *command, phr_store_conf_t *conf,
    phr_store_t **st);
static long phr_tool_holder(const struct stat *lock);
static void phr_tool_give(const char *dir);
static int phr_tool_path(char *out, const char *dir, const char *name);
static void phr_tool_log(void *data, int level, const char *text);


/* as said on the command line; NULL: no key */
static const char  *phr_tool_key_file;

static const char *const  phr_tool_files[] = {
    "data.mdb", "lock.mdb", "lock"
};


int
phr_tool_error(const char *command, const char *path, const char *fmt, ...)
{
    va_list  args;

    fprintf(stderr, PHR_TOOL_PROGRAM ": %s: ", command);

    if (path != NULL) {
        fprintf(stderr, "%s: ", path);
    }

    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);

    fputc('\n', stderr);

    return PHR_TOOL_FAILED;
}


int
phr_tool_failed(const char *command, const char *path, const phr_err_t *err)
{
    size_t       len;
    const char  *text;

    text = err->text;
    len = path ? strlen(path) : 0;

    if (len != 0 && text[0] == '"' && strncmp(text + 1, path, len) == 0
        && strncmp(text + 1 + len, "\": ", 3) == 0)
    {
        text += len + 4;
    }

    return phr_tool_error(command, path, "%s", text);
}


int
phr_tool_usage(const char *command, const char *fmt, ...)
{
    va_list  args;

    fprintf(stderr, PHR_TOOL_PROGRAM ": ");

    if (command != NULL) {
        fprintf(stderr, "%s: ", command);
    }

    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);

    fprintf(stderr, ", see \"" PHR_TOOL_PROGRAM " help%s%s\"\n",
            command ? " " : "", command ? command : "");

    return PHR_TOOL_USAGE;
}


/*
 * LMDB maps the file, and dies of one that lacks its end: a backup that was
 * broken off.  A store in use was looked at by nginx before, and changes
 * under the eye.
 */
static int
phr_tool_pages(const char *path, phr_err_t *err)
{
    int   rc, fd, is_short;
    char  name[PHR_TOOL_PATH];

    if (phr_tool_path(name, path, "lock") != PHR_OK) {
        return phr_err_set(err, PHR_EINVAL, "the name is too long");
    }

    fd = open(name, O_RDONLY|O_CLOEXEC);
    rc = PHR_OK;

    if (fd == -1 || flock(fd, LOCK_SH|LOCK_NB) == 0) {
        is_short = 0;
        rc = phr_tool_short(path, &is_short, err);

        if (rc == PHR_OK && is_short) {
            rc = phr_tree_check(path, UINT64_MAX, NULL, err);
        }
    }

    if (fd != -1) {
        (void) close(fd);
    }

    return rc;
}


/* something is beyond the end; that may be pages that were never written */
static int
phr_tool_short(const char *path, int *is_short, phr_err_t *err)
{
    int              rc;
    char             name[PHR_TOOL_PATH];
    phr_pages_t      file;
    phr_page_meta_t  meta[2];

    if (!phr_pages_known()
        || phr_tool_path(name, path, "data.mdb") != PHR_OK)
    {
        return PHR_OK;
    }

    rc = phr_pages_open(&file, name, err);
    if (rc == PHR_OK) {
        rc = phr_pages_meta(&file, 0, &meta[0], err);
    }
    if (rc == PHR_OK) {
        rc = phr_pages_meta(&file, 1, &meta[1], err);
    }
    if (rc == PHR_OK) {
        *is_short = meta[meta[1].txnid > meta[0].txnid].npages
                    > file.file_bytes / file.page_size;
    }

    phr_pages_close(&file);

    return rc;
}


void
phr_tool_key(const char *file)
{
    phr_tool_key_file = file;
}


static int
phr_tool_open(const char *command, phr_store_conf_t *conf, phr_store_t **st)
{
    int        rc;
    uint8_t    key[PHR_VAULT_KEY];
    phr_err_t  err;

    if (phr_tool_key_file != NULL) {
        if (phr_vault_key_read(phr_tool_key_file, key, &err) != PHR_OK) {
            return phr_tool_error(command, NULL, "%s", err.text);
        }

        conf->key = key;
    }

    conf->log = phr_tool_log;
    conf->log_data = (void *) command;

    rc = phr_store_open(conf, st, &err);
    memset(key, 0, sizeof(key));
    phr_tool_give(conf->path);

    return rc == PHR_OK ? PHR_TOOL_OK
                        : phr_tool_failed(command, conf->path, &err);
}


int
phr_tool_open_reader(const char *command, const char *path,
    phr_store_t **st)
{
    char              file[PHR_TOOL_PATH];
    phr_err_t         err;
    struct stat       info;
    phr_store_conf_t  conf;

    if (phr_tool_path(file, path, "data.mdb") != PHR_OK) {
        return phr_tool_error(command, path, "the name is too long");
    }

    /* LMDB would make its lock file first, in any folder */
    if (stat(file, &info) != 0) {
        return phr_tool_error(command, path, errno == ENOENT
                              ? "there is no store, no data.mdb"
                              : strerror(errno));
    }

    if (phr_tool_pages(path, &err) != PHR_OK) {
        return phr_tool_failed(command, path, &err);
    }

    memset(&conf, 0, sizeof(phr_store_conf_t));
    conf.path = path;
    conf.read_only = 1;

    return phr_tool_open(command, &conf, st);
}


int
phr_tool_open_writer(const char *command, const phr_store_conf_t *conf,
    phr_store_t **st)
{
    phr_store_conf_t  own;

    if (phr_tool_lock(command, conf->path) != PHR_TOOL_OK) {
        return PHR_TOOL_FAILED;
    }

    own = *conf;
    own.read_only = 0;

    return phr_tool_open(command, &own, st);
}


/* the descriptor stays open until the process ends, and so does the lock */
int
phr_tool_lock(const char *command, const char *dir)
{
    int          fd;
    char         file[PHR_TOOL_PATH];
    long         pid;
    struct stat  info;

    if (phr_tool_path(file, dir, "lock") != PHR_OK) {
        return phr_tool_error(command, dir, "the name is too long");
    }

    fd = open(file, O_RDWR|O_CREAT|O_CLOEXEC, 0600);
    if (fd == -1) {
        return phr_tool_error(command, file, "%s", strerror(errno));
    }

    if (flock(fd, LOCK_EX|LOCK_NB) == 0) {
        return PHR_TOOL_OK;
    }

    if (errno != EWOULDBLOCK) {
        phr_tool_error(command, file, "%s", strerror(errno));
        close(fd);
        return PHR_TOOL_FAILED;
    }

    pid = fstat(fd, &info) == 0 ? phr_tool_holder(&info) : 0;
    close(fd);

    if (pid != 0) {
        return phr_tool_error(command, dir, "the store is in use by process "
                              "%ld: if that is nginx, stop it first", pid);
    }

    return phr_tool_error(command, dir, "the store is in use: stop the "
                          "nginx that serves it first");
}


/* the process that has locked this file, 0 if nobody can tell */
static long
phr_tool_holder(const struct stat *lock)
{
    FILE           *f;
    char            line[256];
    long            pid, found;
    unsigned        major, minor;
    unsigned long   inode;

    f = fopen("/proc/locks", "r");
    if (f == NULL) {
        return 0;
    }

    found = 0;

    while (found == 0 && fgets(line, sizeof(line), f) != NULL) {

        if (sscanf(line, "%*d: FLOCK %*s %*s %ld %x:%x:%lu", &pid, &major,
                   &minor, &inode)
            == 4
            && inode == (unsigned long) lock->st_ino
            && major == major(lock->st_dev) && minor == minor(lock->st_dev))
        {
            found = pid;
        }
    }

    fclose(f);

    return found > 0 ? found : 0;
}


/*
 * By way of O_PATH: closing any other descriptor of "lock.mdb" would drop
 * the locks of LMDB.  What has a second name is not ours to give away.
 */
static void
phr_tool_give(const char *dir)
{
    int          fd;
    char         file[PHR_TOOL_PATH];
    size_t       i;
    struct stat  folder, info;

    if (geteuid() != 0 || stat(dir, &folder) != 0 || folder.st_uid == 0) {
        return;
    }

    for (i = 0; i < phr_nelems(phr_tool_files); i++) {

        if (phr_tool_path(file, dir, phr_tool_files[i]) != PHR_OK) {
            continue;
        }

        fd = open(file, O_PATH|O_NOFOLLOW|O_CLOEXEC);
        if (fd == -1) {
            continue;
        }

        if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode)
            && info.st_nlink == 1 && info.st_uid == 0)
        {
            /* nothing is lost if it fails: nginx will tell */
            (void) !fchownat(fd, "", folder.st_uid, folder.st_gid,
                             AT_EMPTY_PATH);
        }

        close(fd);
    }
}


static int
phr_tool_path(char *out, const char *dir, const char *name)
{
    int  n;

    n = snprintf(out, PHR_TOOL_PATH, "%s/%s", dir, name);

    return n > 0 && n < PHR_TOOL_PATH ? PHR_OK : PHR_ELIMIT;
}


static void
phr_tool_log(void *data, int level, const char *text)
{
    phr_tool_error(data, NULL, "%s", text);
}
