/*
 * Copyright (C) The Pharos Authors
 *
 * Boards: the list of all dashboards, in the order of their titles.  There
 * are few, so looking is a walk.
 */

#include "boards/board.h"

#include <stdlib.h>

#include "core/alloc.h"


static int phr_boards_by_uid(const void *one, const void *two);
static int phr_boards_by_title(const void *one, const void *two);
static int phr_boards_folder_cmp(const void *one, const void *two);
static int phr_boards_cmp(phr_str_t a, phr_str_t b);
static void phr_boards_folders(phr_boards_t *list);
static int phr_boards_pass(const phr_board_t *b,
    const phr_board_filter_t *f);
static int phr_board_lower(char c);


int
phr_boards_create(phr_board_t *const *boards, size_t n,
    void (*clash)(void *data, const phr_board_t *left_out,
                  const phr_board_t *taken),
    void *data, phr_boards_t **out)
{
    size_t         i;
    phr_board_t   *b, **sorted;
    phr_boards_t  *list;

    list = phr_calloc(1, sizeof(phr_boards_t));
    if (list == NULL) {
        return PHR_ENOMEM;
    }

    list->boards = phr_calloc(n + 1, sizeof(phr_board_t *));
    list->folders = phr_calloc(n + 1, sizeof(phr_board_folder_t));
    sorted = phr_calloc(n + 1, sizeof(phr_board_t *));

    if (list->boards == NULL || list->folders == NULL || sorted == NULL) {
        phr_free(sorted);
        phr_boards_destroy(list);
        return PHR_ENOMEM;
    }

    for (i = 0; i < n; i++) {
        sorted[i] = boards[i];
    }

    qsort(sorted, n, sizeof(phr_board_t *), phr_boards_by_uid);

    for (i = 0; i < n; i++) {

        b = list->nboards ? list->boards[list->nboards - 1] : NULL;

        if (b != NULL && phr_str_eq(b->uid, sorted[i]->uid)) {
            if (clash != NULL) {
                clash(data, sorted[i], b);
            }
            continue;
        }

        list->boards[list->nboards++] = phr_board_hold(sorted[i]);
    }

    phr_free(sorted);

    qsort(list->boards, list->nboards, sizeof(phr_board_t *),
          phr_boards_by_title);

    phr_boards_folders(list);

    *out = list;

    return PHR_OK;
}


void
phr_boards_destroy(phr_boards_t *list)
{
    size_t  i;

    if (list == NULL) {
        return;
    }

    for (i = 0; i < list->nboards; i++) {
        phr_board_drop(list->boards[i]);
    }

    phr_free(list->boards);
    phr_free(list->folders);
    phr_free(list);
}


const phr_board_t *
phr_boards_find(const phr_boards_t *list, phr_str_t uid)
{
    size_t  i;

    for (i = 0; i < list->nboards; i++) {
        if (phr_str_eq(list->boards[i]->uid, uid)) {
            return list->boards[i];
        }
    }

    return NULL;
}


const phr_board_t *
phr_boards_search(const phr_boards_t *list, const phr_board_filter_t *filter,
    size_t *pos)
{
    const phr_board_t  *b;

    while (*pos < list->nboards) {
        b = list->boards[(*pos)++];

        if (phr_boards_pass(b, filter)) {
            return b;
        }
    }

    return NULL;
}


static int
phr_boards_pass(const phr_board_t *b, const phr_board_filter_t *f)
{
    size_t  i, k;

    for (i = 0; i < f->ntags; i++) {

        for (k = 0; k < b->ntags; k++) {
            if (phr_str_eq(b->tags[k], f->tags[i])) {
                break;
            }
        }

        if (k == b->ntags) {
            return 0;
        }
    }

    return phr_board_contains(b->title, f->query);
}


int
phr_board_contains(phr_str_t s, phr_str_t part)
{
    size_t  i, k;

    for (i = 0; part.len <= s.len && i <= s.len - part.len; i++) {

        for (k = 0; k < part.len; k++) {
            if (phr_board_lower(s.data[i + k])
                != phr_board_lower(part.data[k]))
            {
                break;
            }
        }

        if (k == part.len) {
            return 1;
        }
    }

    return 0;
}


static int
phr_boards_by_uid(const void *one, const void *two)
{
    int                 rc;
    const phr_board_t  *a, *b;

    a = *(phr_board_t *const *) one;
    b = *(phr_board_t *const *) two;

    rc = phr_str_cmp(a->uid, b->uid);

    return rc ? rc : phr_str_cmp(a->path, b->path);
}


static int
phr_boards_by_title(const void *one, const void *two)
{
    int                 rc;
    const phr_board_t  *a, *b;

    a = *(phr_board_t *const *) one;
    b = *(phr_board_t *const *) two;

    rc = phr_boards_cmp(a->title, b->title);

    return rc ? rc : phr_str_cmp(a->uid, b->uid);
}


/* as people sort, "b" between "A" and "C"; never 0 for what is not equal */

static int
phr_boards_cmp(phr_str_t a, phr_str_t b)
{
    int     rc;
    size_t  i;

    for (i = 0; i < a.len && i < b.len; i++) {

        rc = phr_board_lower(a.data[i]) - phr_board_lower(b.data[i]);
        if (rc != 0) {
            return rc;
        }
    }

    if (a.len != b.len) {
        return a.len < b.len ? -1 : 1;
    }

    return phr_str_cmp(a, b);
}


static int
phr_board_lower(char c)
{
    return (c >= 'A' && c <= 'Z') ? c | 0x20 : (unsigned char) c;
}


static void
phr_boards_folders(phr_boards_t *list)
{
    size_t               i, n;
    phr_board_t         *b;
    phr_board_folder_t  *f;

    f = list->folders;

    for (i = 0, n = 0; i < list->nboards; i++) {
        b = list->boards[i];

        if (b->folder.len == 0) {
            continue;
        }

        f[n].uid = b->folder_uid;
        f[n].title = b->folder;
        f[n].slug = b->folder_slug;
        f[n].id = phr_board_id(b->folder_uid);
        n++;
    }

    qsort(f, n, sizeof(phr_board_folder_t), phr_boards_folder_cmp);

    for (i = 0; i < n; i++) {
        if (i == 0 || !phr_str_eq(f[i].title,
                                  f[list->nfolders - 1].title))
        {
            f[list->nfolders++] = f[i];
        }
    }
}


static int
phr_boards_folder_cmp(const void *one, const void *two)
{
    const phr_board_folder_t  *a = one, *b = two;

    return phr_boards_cmp(a->title, b->title);
}
