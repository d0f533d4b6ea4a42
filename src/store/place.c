/*
 * Copyright (C) The Pharos Authors
 *
 * Place: see place.h.
 */

#include "store/place.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>


/*
 * As linux/magic.h and the sources of the kernel have them; some are in no
 * header.  FUSE is many things, most of them far away, and none of them
 * promises that a shared map and write() see the same bytes.
 */
static const struct {
    uint32_t     type;
    const char  *name;
} phr_place_refused[] = {
    { 0x00006969, "NFS" },
    { 0xff534d42, "CIFS" },
    { 0xfe534d42, "SMB" },
    { 0x0000517b, "SMB" },
    { 0x65735546, "FUSE" },
    { 0x01021997, "9p" },
    { 0x5346414f, "AFS" },
    { 0x00c36400, "Ceph" },
    { 0x73757245, "Coda" },
    { 0x0000564c, "NCP" },
    { 0x01161970, "GFS2" },
    { 0x7461636f, "OCFS2" },
    { 0x0bd00bd0, "Lustre" },
    { 0x47504653, "GPFS" },
    { 0x19830326, "BeeGFS" },
    { 0x20030528, "OrangeFS" },
    { 0x786f4256, "a folder of the host of a virtual machine" },
};


int
phr_place_check(const char *path, phr_err_t *err)
{
    struct statfs  fs;

    /* who cannot look will be told so when it is opened */
    if (statfs(path, &fs) != 0) {
        return PHR_OK;
    }

    return phr_place_check_type((uint32_t) fs.f_type, path, err);
}


int
phr_place_check_type(uint32_t type, const char *path, phr_err_t *err)
{
    size_t  i;

    for (i = 0; i < phr_nelems(phr_place_refused); i++) {
        if (type == phr_place_refused[i].type) {
            return phr_err_set(err, PHR_EINVAL, "the store cannot be in "
                               "\"%s\": this is %s, and a store needs a "
                               "filesystem of this machine, for it maps "
                               "its file into memory", path,
                               phr_place_refused[i].name);
        }
    }

    return PHR_OK;
}


int
phr_place_sync(const char *path, phr_err_t *err)
{
    int  fd, rc;

    fd = open(path, O_RDONLY|O_DIRECTORY|O_CLOEXEC);
    if (fd == -1) {
        return phr_err_set(err, PHR_EIO, "open() \"%s\" failed: %s", path,
                           strerror(errno));
    }

    rc = PHR_OK;

    /* not every filesystem has folders that can be flushed */

    if (fsync(fd) != 0 && errno != EINVAL && errno != EOPNOTSUPP) {
        rc = phr_err_set(err, PHR_EIO, "fsync() \"%s\" failed: %s", path,
                         strerror(errno));
    }

    (void) close(fd);

    return rc;
}
