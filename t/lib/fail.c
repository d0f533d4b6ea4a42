/*
 * Copyright (C) The Pharos Authors
 *
 * Calls that fail or hang, for tests: preloaded into nginx, it looks for
 * files of their names in the directory PHAROS_FAIL.
 *
 *   join      while it is there, no thread is seen to end in time
 *   listen    the next listening socket of the file system cannot be waited
 *             for; removes the file
 *   disk      while it is there, nothing can be written to a place in a file
 *   lookup    a pipe that nobody writes to: a lookup of any name that begins
 *             with "hang" waits for it, when it has made a file of the name
 */

#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>


static char  dir[256];


/* nginx clears its environment later */

__attribute__((constructor)) static void
fail_begin(void)
{
    const char  *env;

    env = getenv("PHAROS_FAIL");

    if (env != NULL) {
        (void) snprintf(dir, sizeof(dir), "%s", env);
    }
}


static const char *
fail_name(const char *name, char *text, size_t size)
{
    (void) snprintf(text, size, "%s/%s", dir, name);

    return text;
}


static int
fail_local(int fd)
{
    int        on, family;
    socklen_t  len;

    len = sizeof(int);

    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == -1 || !on) {
        return 0;
    }

    len = sizeof(int);

    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len) == 0
           && family == AF_UNIX;
}


int
pthread_timedjoin_np(pthread_t tid, void **result,
    const struct timespec *until)
{
    char          name[300];
    static int  (*real)(pthread_t, void **, const struct timespec *);

    if (access(fail_name("join", name, sizeof(name)), F_OK) == 0) {
        return ETIMEDOUT;
    }

    if (real == NULL) {
        *(void **) &real = dlsym(RTLD_NEXT, "pthread_timedjoin_np");
    }

    return real(tid, result, until);
}


int
epoll_ctl(int ep, int op, int fd, struct epoll_event *ev)
{
    char          name[300];
    static int  (*real)(int, int, int, struct epoll_event *);

    if (op == EPOLL_CTL_ADD && fail_local(fd)
        && unlink(fail_name("listen", name, sizeof(name))) == 0)
    {
        errno = ENOSPC;
        return -1;
    }

    if (real == NULL) {
        *(void **) &real = dlsym(RTLD_NEXT, "epoll_ctl");
    }

    return real(ep, op, fd, ev);
}


static int
fail_disk(void)
{
    char  name[300];

    return access(fail_name("disk", name, sizeof(name)), F_OK) == 0;
}


ssize_t
pwrite(int fd, const void *data, size_t size, off_t at)
{
    static ssize_t  (*real)(int, const void *, size_t, off_t);

    if (fail_disk()) {
        errno = ENOSPC;
        return -1;
    }

    if (real == NULL) {
        *(void **) &real = dlsym(RTLD_NEXT, "pwrite");
    }

    return real(fd, data, size, at);
}


ssize_t
pwritev(int fd, const struct iovec *v, int n, off_t at)
{
    static ssize_t  (*real)(int, const struct iovec *, int, off_t);

    if (fail_disk()) {
        errno = ENOSPC;
        return -1;
    }

    if (real == NULL) {
        *(void **) &real = dlsym(RTLD_NEXT, "pwritev");
    }

    return real(fd, v, n, at);
}


int
getaddrinfo(const char *name, const char *service,
    const struct addrinfo *hints, struct addrinfo **res)
{
    int           fd;
    char          path[300];
    static int  (*real)(const char *, const char *, const struct addrinfo *,
                        struct addrinfo **);

    if (name != NULL && strncmp(name, "hang", 4) == 0) {

        fd = open(fail_name(name, path, sizeof(path)), O_CREAT|O_WRONLY, 0644);
        (void) close(fd);

        fd = open(fail_name("lookup", path, sizeof(path)), O_RDONLY);
        (void) close(fd);

        return EAI_NONAME;
    }

    if (real == NULL) {
        *(void **) &real = dlsym(RTLD_NEXT, "getaddrinfo");
    }

    return real(name, service, hints, res);
}
