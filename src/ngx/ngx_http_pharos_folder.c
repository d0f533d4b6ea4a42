/*
 * Copyright (C) The Pharos Authors
 *
 * Folder: what a folder of people's own files has in it.  What is hidden is
 * passed over, also what Kubernetes keeps beside the files of a volume.
 */

#include <ngx_config.h>
#include <ngx_core.h>

#include <dirent.h>

#include "ngx/ngx_http_pharos_parts.h"


int
ngx_http_pharos_folder_each(const char *folder,
    int (*visit)(void *data, const char *name, phr_err_t *err), void *data,
    phr_err_t *err)
{
    int             rc;
    DIR            *dir;
    struct dirent  *de;

    dir = opendir(folder);
    if (dir == NULL) {
        return phr_err_set(err, PHR_EIO, "opendir() \"%s\" failed: %s",
                           folder, strerror(errno));
    }

    rc = PHR_OK;

    while (rc == PHR_OK && (de = readdir(dir)) != NULL) {

        if (de->d_name[0] != '.') {
            rc = visit(data, de->d_name, err);
        }
    }

    (void) closedir(dir);

    return rc;
}
