/*
 * Copyright (C) The Pharos Authors
 *
 * Board: one file, parsed for what lists show of it.  The tree of the JSON
 * is gone afterwards; places in the text are found by a scan of our own, as
 * the tree does not know them.
 */

#include "boards/board.h"

#include <stdio.h>

#include "core/alloc.h"
#include "core/bytes.h"
#include "core/json.h"


typedef struct {
    phr_board_t            *board;
    phr_str_t               file;       /* the whole text */
    phr_str_t               object;     /* of the dashboard, in it */
    const char             *name;
    const phr_json_node_t  *node;
} phr_board_parse_t;


static int phr_board_fill(phr_board_parse_t *p, phr_str_t path,
    phr_err_t *err);
static int phr_board_title(phr_board_parse_t *p, phr_err_t *err);
static int phr_board_uid(phr_board_parse_t *p, phr_err_t *err);
static void phr_board_uid_place(phr_board_parse_t *p);
static int phr_board_tags(phr_board_parse_t *p);
static int phr_board_folder(phr_board_t *b);
static phr_str_t phr_board_hash(phr_arena_t *a, phr_str_t s);
static phr_str_t phr_board_slug(phr_arena_t *a, phr_str_t s,
    phr_str_t otherwise);
static int phr_board_fail(phr_board_parse_t *p, phr_err_t *err, int code,
    const char *member, const char *text);
static int phr_board_member(phr_str_t object, const char *name,
    phr_str_t *value);
static const char *phr_board_space(const char *p, const char *end);
static const char *phr_board_skip(const char *p, const char *end);
static const char *phr_board_string(const char *p, const char *end);


int
phr_board_create(phr_str_t text, const char *file, phr_str_t path,
    phr_board_t **board, phr_err_t *err)
{
    int                     rc;
    phr_str_t               wrapped;
    phr_arena_t            *arena;
    phr_err_t               own;
    phr_json_doc_t         *doc;
    phr_board_parse_t       p;
    const phr_json_node_t  *inner;

    if (err == NULL) {
        phr_err_init(&own);
        err = &own;
    }

    rc = phr_json_parse(text, &doc, err);

    if (rc != PHR_OK) {
        (void) snprintf(err->file, sizeof(err->file), "%s", file);
        return rc;
    }

    arena = NULL;

    memset(&p, 0, sizeof(p));
    p.name = file;
    p.file = text;
    p.object = text;
    p.node = phr_json_root(doc);

    if (phr_json_type(p.node) != PHR_JSON_OBJECT) {
        rc = phr_board_fail(&p, err, PHR_EPARSE, NULL,
                            "a dashboard is an object");
        goto done;
    }

    inner = phr_json_get(p.node, "dashboard");

    if (phr_json_type(inner) == PHR_JSON_OBJECT
        && phr_board_member(text, "dashboard", &wrapped))
    {
        p.object = wrapped;
        p.node = inner;
    }

    arena = phr_arena_create(0);

    if (arena != NULL) {
        p.board = phr_arena_calloc(arena, 1, sizeof(phr_board_t));
    }

    if (p.board == NULL) {
        rc = phr_err_set(err, PHR_ENOMEM, "no memory for \"%s\"", file);
        goto done;
    }

    p.board->arena = arena;
    p.board->refs = 1;

    rc = phr_board_fill(&p, path, err);

done:

    phr_json_destroy(doc);

    if (rc != PHR_OK) {
        phr_arena_destroy(arena);
        return rc;
    }

    *board = p.board;

    return PHR_OK;
}


phr_board_t *
phr_board_hold(phr_board_t *b)
{
    b->refs++;

    return b;
}


void
phr_board_drop(phr_board_t *b)
{
    if (b != NULL && --b->refs == 0) {
        phr_arena_destroy(b->arena);
    }
}


void
phr_board_write(const phr_board_t *b, phr_buf_t *out)
{
    if (b->uid_before == NULL) {
        phr_buf_str(out, b->text);
        return;
    }

    /* a uid has no characters that JSON would escape */

    phr_buf_append(out, b->text.data, b->uid_start);
    phr_buf_puts(out, b->uid_before);
    phr_buf_str(out, b->uid);
    phr_buf_puts(out, b->uid_after);
    phr_buf_append(out, b->text.data + b->uid_end, b->text.len - b->uid_end);
}


/* small enough for any client's integer */

int64_t
phr_board_id(phr_str_t uid)
{
    return (int64_t) (phr_xxh64(uid.data, uid.len) % 0x7fffffff) + 1;
}


static int
phr_board_fill(phr_board_parse_t *p, phr_str_t path, phr_err_t *err)
{
    int           rc;
    phr_board_t  *b;

    b = p->board;

    rc = phr_board_title(p, err);
    if (rc != PHR_OK) {
        return rc;
    }

    b->path = phr_arena_str(b->arena, path);

    if (b->path.data == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory for \"%s\"", p->name);
    }

    rc = phr_board_uid(p, err);
    if (rc != PHR_OK) {
        return rc;
    }

    b->text = phr_arena_str(b->arena, p->object);
    b->slug = phr_board_slug(b->arena, b->title, b->uid);
    b->id = phr_board_id(b->uid);
    b->version = phr_json_get_int(phr_json_get(p->node, "version"), 0);
    b->schema_version = phr_json_get_int(phr_json_get(p->node,
                                                      "schemaVersion"), 0);

    if (b->text.data == NULL || b->slug.data == NULL
        || phr_board_tags(p) != PHR_OK || phr_board_folder(b) != PHR_OK)
    {
        return phr_err_set(err, PHR_ENOMEM, "no memory for \"%s\"", p->name);
    }

    return PHR_OK;
}


static int
phr_board_title(phr_board_parse_t *p, phr_err_t *err)
{
    phr_str_t               title;
    const phr_json_node_t  *node;

    node = phr_json_get(p->node, "title");

    if (node == NULL) {
        return phr_board_fail(p, err, PHR_EINVAL, NULL,
                              "a dashboard needs a \"title\"");
    }

    title = phr_json_get_str(node, "");

    if (title.len == 0) {
        return phr_board_fail(p, err, PHR_EINVAL, "title",
                              "the \"title\" of a dashboard is text, and "
                              "not empty");
    }

    p->board->title = phr_arena_str(p->board->arena, title);

    if (p->board->title.data == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory for \"%s\"", p->name);
    }

    return PHR_OK;
}


/* null, a number and "" are as good as none, which is what Grafana thinks */

static int
phr_board_uid(phr_board_parse_t *p, phr_err_t *err)
{
    char          c;
    size_t        i;
    phr_str_t     uid;
    phr_board_t  *b;

    b = p->board;
    uid = phr_json_get_str(phr_json_get(p->node, "uid"), "");

    if (uid.len == 0) {
        phr_board_uid_place(p);
        b->uid = phr_board_hash(b->arena, b->path);

    } else {

        if (uid.len > PHR_BOARD_MAX_UID) {
            return phr_board_fail(p, err, PHR_EINVAL, "uid", "a \"uid\" has "
                                  "at most 40 characters");
        }

        for (i = 0; i < uid.len; i++) {
            c = uid.data[i];

            if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
                  || (c >= '0' && c <= '9') || c == '-' || c == '_'))
            {
                return phr_board_fail(p, err, PHR_EINVAL, "uid", "a \"uid\" "
                                      "is made of letters, digits, \"-\" "
                                      "and \"_\"");
            }
        }

        b->uid = phr_arena_str(b->arena, uid);
    }

    if (b->uid.data == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory for \"%s\"", p->name);
    }

    return PHR_OK;
}


static void
phr_board_uid_place(phr_board_parse_t *p)
{
    phr_str_t     value;
    phr_board_t  *b;
    const char   *from, *end;

    b = p->board;

    if (phr_board_member(p->object, "uid", &value)) {
        b->uid_start = (size_t) (value.data - p->object.data);
        b->uid_end = b->uid_start + value.len;
        b->uid_before = "\"";
        b->uid_after = "\"";
        return;
    }

    /* the first member; there is another, the title */

    end = p->object.data + p->object.len;
    from = phr_board_space(p->object.data, end) + 1;

    b->uid_start = (size_t) (from - p->object.data);
    b->uid_end = b->uid_start;
    b->uid_before = "\"uid\":\"";
    b->uid_after = "\",";
}


static int
phr_board_tags(phr_board_parse_t *p)
{
    size_t                  i, n;
    phr_board_t            *b;
    const phr_json_node_t  *tags, *tag;

    b = p->board;
    tags = phr_json_get(p->node, "tags");

    if (phr_json_type(tags) != PHR_JSON_ARRAY) {
        return PHR_OK;
    }

    n = phr_json_size(tags);

    b->tags = phr_arena_calloc(b->arena, n + 1, sizeof(phr_str_t));
    if (b->tags == NULL) {
        return PHR_ENOMEM;
    }

    for (i = 0; i < n; i++) {
        tag = phr_json_at(tags, i);

        if (phr_json_type(tag) != PHR_JSON_STRING) {
            continue;
        }

        b->tags[b->ntags] = phr_arena_str(b->arena,
                                          phr_json_get_str(tag, ""));

        if (b->tags[b->ntags].data == NULL) {
            return PHR_ENOMEM;
        }

        b->ntags++;
    }

    return PHR_OK;
}


/* the name of the nearest folder alone, as Grafana's provisioning does */

static int
phr_board_folder(phr_board_t *b)
{
    const char  *p, *slash;

    b->folder = phr_str_of("");
    b->folder_uid = phr_str_of("");
    b->folder_slug = phr_str_of("");

    slash = b->path.data + b->path.len;

    do {
        if (slash == b->path.data) {
            return PHR_OK;
        }
    } while (*--slash != '/');

    for (p = slash; p > b->path.data && p[-1] != '/'; p--) { /* void */ }

    if (p == slash) {
        return PHR_OK;
    }

    b->folder = phr_str_from(p, (size_t) (slash - p));
    b->folder_uid = phr_board_hash(b->arena, b->folder);

    if (b->folder_uid.data == NULL) {
        return PHR_ENOMEM;
    }

    b->folder_slug = phr_board_slug(b->arena, b->folder, b->folder_uid);

    return b->folder_slug.data ? PHR_OK : PHR_ENOMEM;
}


/* stays the same over restarts and machines */

static phr_str_t
phr_board_hash(phr_arena_t *a, phr_str_t s)
{
    char  *p;

    p = phr_arena_printf(a, "%016llx",
                         (unsigned long long) phr_xxh64(s.data, s.len));
    if (p == NULL) {
        return phr_str_from(NULL, 0);
    }

    return phr_str_from(p, 16);
}


/* "CPU & Memory (old)" is "cpu-memory-old" */

static phr_str_t
phr_board_slug(phr_arena_t *a, phr_str_t s, phr_str_t otherwise)
{
    char    *p, c;
    size_t   i, n;

    p = phr_arena_alloc(a, s.len + 1);
    if (p == NULL) {
        return phr_str_from(NULL, 0);
    }

    for (i = 0, n = 0; i < s.len; i++) {
        c = s.data[i];

        if (c >= 'A' && c <= 'Z') {
            c |= 0x20;
        }

        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
            p[n++] = c;

        } else if (n > 0 && p[n - 1] != '-') {
            p[n++] = '-';
        }
    }

    if (n > 0 && p[n - 1] == '-') {
        n--;
    }

    return n > 0 ? phr_str_from(p, n) : otherwise;
}


/* the place is that of a member's value, or where the object begins */

static int
phr_board_fail(phr_board_parse_t *p, phr_err_t *err, int code,
    const char *member, const char *text)
{
    uint32_t     line, column;
    phr_str_t    value;
    const char  *c, *at;

    if (member != NULL && phr_board_member(p->object, member, &value)) {
        at = value.data;

    } else {
        at = phr_board_space(p->object.data,
                             p->object.data + p->object.len);
    }

    line = 1;
    column = 1;

    for (c = p->file.data; c < at; c++) {
        column++;

        if (*c == '\n') {
            line++;
            column = 1;
        }
    }

    return phr_err_in_file(err, code, p->name, line, column, "%s", text);
}


/*
 * The value of a member, the last of that name, in text that is known to be
 * an object of JSON: so nothing is checked but the end.  1 if it is there.
 * A name written with escapes is not found.
 */

static int
phr_board_member(phr_str_t object, const char *name, phr_str_t *value)
{
    int          found;
    phr_str_t    key;
    const char  *p, *start, *end;

    found = 0;
    end = object.data + object.len;
    p = phr_board_space(object.data, end);

    if (p == end || *p != '{') {
        return 0;
    }

    for (p = phr_board_space(p + 1, end); p < end && *p == '"';
         p = phr_board_space(p + 1, end))
    {
        start = p + 1;
        p = phr_board_string(p, end);

        if (p == end) {
            break;
        }

        key = phr_str_from(start, (size_t) (p - 1 - start));

        p = phr_board_space(p, end);            /* the colon */
        p = phr_board_space(p < end ? p + 1 : p, end);

        start = p;
        p = phr_board_skip(p, end);

        if (phr_str_eq(key, phr_str_from_c(name))) {
            *value = phr_str_from(start, (size_t) (p - start));
            found = 1;
        }

        p = phr_board_space(p, end);

        if (p == end || *p != ',') {
            break;
        }
    }

    return found;
}


static const char *
phr_board_space(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')) {
        p++;
    }

    return p;
}


/* behind the value that begins at p */

static const char *
phr_board_skip(const char *p, const char *end)
{
    size_t  depth;

    depth = 0;

    while (p < end) {

        if (*p == '"') {
            p = phr_board_string(p, end);

        } else if (*p == '{' || *p == '[') {
            depth++;
            p++;
            continue;

        } else if (*p == '}' || *p == ']') {
            depth--;
            p++;

        } else if (depth == 0) {

            while (p < end && strchr(",]} \t\r\n", *p) == NULL) {
                p++;
            }

        } else {
            p++;
            continue;
        }

        if (depth == 0) {
            break;
        }
    }

    return p;
}


/* behind the closing quote of the string that begins at p */

static const char *
phr_board_string(const char *p, const char *end)
{
    for (p++; p < end && *p != '"'; p++) {
        if (*p == '\\' && p + 1 < end) {
            p++;
        }
    }

    return p < end ? p + 1 : end;
}
