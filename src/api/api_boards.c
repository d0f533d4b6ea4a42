/*
 * Copyright (C) The Pharos Authors
 *
 * Boards: the calls of Grafana's HTTP API by which its clients list
 * dashboards, get one, and ask for data sources.  Nothing is changed through
 * it: dashboards are files.
 */

#include "api/call.h"

#include "boards/board.h"
#include "core/number.h"


#define PHR_BOARDS_LIMIT      1000      /* as Grafana's, also the next */
#define PHR_BOARDS_MAX_LIMIT  5000

#define PHR_BOARDS_SOURCE     "pharos"  /* name and uid of our data source */


typedef struct {
    phr_board_filter_t   filter;
    int                  boards;        /* kinds that are wanted */
    int                  folders;
    int64_t              skip;
    int64_t              left;
} phr_boards_query_t;


static const phr_boards_t *phr_boards_hold(phr_call_t *c);
static void phr_boards_release(phr_call_t *c);
static int phr_boards_query(phr_call_t *c, phr_boards_query_t *q,
    phr_err_t *err);
static int64_t phr_boards_number(phr_call_t *c, const char *name,
    int64_t otherwise, int64_t max);
static int phr_boards_on_page(phr_boards_query_t *q);
static void phr_boards_hit_folder(phr_call_t *c,
    const phr_board_folder_t *f);
static void phr_boards_hit(phr_call_t *c, const phr_board_t *b);
static void phr_boards_hit_begin(phr_call_t *c, int64_t id, phr_str_t uid,
    phr_str_t title);
static void phr_boards_hit_kind(phr_call_t *c, const char *type,
    const phr_str_t *tags, size_t ntags);
static void phr_boards_url(phr_call_t *c, const char *key,
    const char *place, phr_str_t uid, phr_str_t slug);
static void phr_boards_folder(phr_call_t *c, const phr_board_t *b);
static void phr_boards_meta(phr_call_t *c, const phr_board_t *b);
static void phr_boards_begin(phr_call_t *c);
static int phr_boards_missing(phr_call_t *c, const char *text);


int
phr_api_boards_search(phr_call_t *c, phr_err_t *err)
{
    int                  rc;
    size_t               i, pos;
    phr_boards_query_t   q;
    const phr_board_t   *b;
    const phr_boards_t  *list;

    if (c->segment.len != 0) {
        return phr_boards_missing(c, "Not found");
    }

    rc = phr_boards_query(c, &q, err);
    if (rc != PHR_OK) {
        return rc;
    }

    phr_boards_begin(c);
    phr_json_array(&c->json);

    list = phr_boards_hold(c);

    for (i = 0; list && q.folders && i < list->nfolders && q.left > 0; i++) {
        if (phr_board_contains(list->folders[i].title, q.filter.query)
            && phr_boards_on_page(&q))
        {
            phr_boards_hit_folder(c, &list->folders[i]);
        }
    }

    pos = 0;

    while (list != NULL && q.boards && q.left > 0
           && (b = phr_boards_search(list, &q.filter, &pos)) != NULL)
    {
        if (phr_call_listed(c, "dashboardUIDs", b->uid, 1)
            && phr_call_listed(c, "dashboardUID", b->uid, 1)
            && phr_call_listed(c, "folderUIDs", b->folder_uid.len
                               ? b->folder_uid : phr_str_of("general"), 1)
            && phr_boards_on_page(&q))
        {
            phr_boards_hit(c, b);
        }
    }

    phr_boards_release(c);

    phr_json_end_array(&c->json);

    return phr_call_tag(c, err);
}


static const phr_boards_t *
phr_boards_hold(phr_call_t *c)
{
    return c->api->live->boards ? c->api->live->boards(c->api->live_data)
                                : NULL;
}


static void
phr_boards_release(phr_call_t *c)
{
    if (c->api->live->boards) {
        c->api->live->boards_done(c->api->live_data);
    }
}


static int
phr_boards_query(phr_call_t *c, phr_boards_query_t *q, phr_err_t *err)
{
    size_t      pos;
    phr_str_t   type, tag, *tags;

    memset(q, 0, sizeof(phr_boards_query_t));

    tags = phr_arena_calloc(c->arena, c->nparams + 1, sizeof(phr_str_t));
    if (tags == NULL) {
        return phr_err_set(err, phr_arena_rc(c->arena), "out of memory");
    }

    q->filter.query = phr_call_param(c, "query");
    q->filter.tags = tags;
    pos = 0;

    while (phr_call_next_param(c, "tag", &pos, &tag)) {
        if (tag.len != 0) {
            tags[q->filter.ntags++] = tag;
        }
    }

    type = phr_call_param(c, "type");

    q->boards = type.len == 0 || phr_str_eq(type, phr_str_of("dash-db"));
    q->folders = type.len == 0
                 || phr_str_eq(type, phr_str_of("dash-folder"));

    /* folders have no tags and are in none; nobody has given a star */

    if (q->filter.ntags != 0
        || phr_call_param(c, "dashboardUIDs").len != 0
        || phr_call_param(c, "dashboardUID").len != 0
        || phr_call_param(c, "folderUIDs").len != 0)
    {
        q->folders = 0;
    }

    q->left = phr_boards_number(c, "limit", PHR_BOARDS_LIMIT,
                                PHR_BOARDS_MAX_LIMIT);
    q->skip = (phr_boards_number(c, "page", 1, 1000000) - 1) * q->left;

    if (phr_str_eq(phr_call_param(c, "starred"), phr_str_of("true"))) {
        q->left = 0;
    }

    return PHR_OK;
}


/* what is no number is as good as nothing, says Grafana's manual */

static int64_t
phr_boards_number(phr_call_t *c, const char *name, int64_t otherwise,
    int64_t max)
{
    int64_t    n;
    phr_str_t  s;

    s = phr_call_param(c, name);

    if (phr_int_parse(s.data, s.len, &n) != PHR_OK || n < 1) {
        return otherwise;
    }

    return phr_min(n, max);
}


static int
phr_boards_on_page(phr_boards_query_t *q)
{
    if (q->skip > 0) {
        q->skip--;
        return 0;
    }

    q->left--;

    return 1;
}


static void
phr_boards_hit_folder(phr_call_t *c, const phr_board_folder_t *f)
{
    phr_boards_hit_begin(c, f->id, f->uid, f->title);
    phr_boards_url(c, "url", "/dashboards/f/", f->uid, f->slug);
    phr_boards_hit_kind(c, "dash-folder", NULL, 0);
    phr_json_end_object(&c->json);
}


static void
phr_boards_hit(phr_call_t *c, const phr_board_t *b)
{
    phr_boards_hit_begin(c, b->id, b->uid, b->title);
    phr_boards_url(c, "url", "/d/", b->uid, b->slug);
    phr_boards_hit_kind(c, "dash-db", b->tags, b->ntags);

    if (b->folder.len != 0) {
        phr_boards_folder(c, b);
    }

    phr_json_end_object(&c->json);
}


static void
phr_boards_hit_begin(phr_call_t *c, int64_t id, phr_str_t uid,
    phr_str_t title)
{
    phr_json_writer_t  *w;

    w = &c->json;

    phr_json_object(w);
    phr_json_pair_int(w, "id", id);
    phr_json_pair(w, "uid", uid);
    phr_json_pair_int(w, "orgId", 1);
    phr_json_pair(w, "title", title);
}


static void
phr_boards_hit_kind(phr_call_t *c, const char *type, const phr_str_t *tags,
    size_t ntags)
{
    size_t  i;

    phr_json_pair_c(&c->json, "type", type);
    phr_json_key(&c->json, "tags");
    phr_json_array(&c->json);

    for (i = 0; i < ntags; i++) {
        phr_json_string(&c->json, tags[i]);
    }

    phr_json_end_array(&c->json);
    phr_json_pair_bool(&c->json, "isStarred", 0);
}


/* below the prefix that the client knows us by */

static void
phr_boards_url(phr_call_t *c, const char *key, const char *place,
    phr_str_t uid, phr_str_t slug)
{
    phr_buf_t  url;

    phr_buf_init(&url, 0);
    phr_buf_str(&url, c->req->prefix);
    phr_buf_puts(&url, place);
    phr_buf_str(&url, uid);
    phr_buf_putc(&url, '/');
    phr_buf_str(&url, slug);

    phr_json_pair(&c->json, key, phr_buf_view(&url));

    if (url.failed) {
        c->res->body.failed = url.failed;
    }

    phr_buf_free(&url);
}


/* Grafana's folder of what is in none is called General, and is number 0 */

static void
phr_boards_folder(phr_call_t *c, const phr_board_t *b)
{
    phr_json_writer_t  *w;

    w = &c->json;

    if (b->folder.len == 0) {
        phr_json_pair_int(w, "folderId", 0);
        phr_json_pair_c(w, "folderUid", "");
        phr_json_pair_c(w, "folderTitle", "General");
        phr_json_pair_c(w, "folderUrl", "");
        return;
    }

    phr_json_pair_int(w, "folderId", phr_board_id(b->folder_uid));
    phr_json_pair(w, "folderUid", b->folder_uid);
    phr_json_pair(w, "folderTitle", b->folder);
    phr_boards_url(c, "folderUrl", "/dashboards/f/", b->folder_uid,
                   b->folder_slug);
}


int
phr_api_board(phr_call_t *c, phr_err_t *err)
{
    const phr_board_t   *b;
    const phr_boards_t  *list;

    list = phr_boards_hold(c);
    b = list ? phr_boards_find(list, c->segment) : NULL;

    if (b != NULL) {
        phr_boards_begin(c);
        phr_json_object(&c->json);
        phr_json_key(&c->json, "meta");
        phr_boards_meta(c, b);
        phr_json_key(&c->json, "dashboard");
        phr_json_raw(&c->json, phr_str_of(""));
        phr_board_write(b, &c->res->body);
        phr_json_end_object(&c->json);
    }

    phr_boards_release(c);

    if (b == NULL) {
        return phr_boards_missing(c, "Dashboard not found");
    }

    return phr_call_tag(c, err);
}


static void
phr_boards_meta(phr_call_t *c, const phr_board_t *b)
{
    phr_json_writer_t  *w;

    w = &c->json;

    phr_json_object(w);
    phr_json_pair_c(w, "type", "db");
    phr_json_pair_bool(w, "canSave", 0);
    phr_json_pair_bool(w, "canEdit", 0);
    phr_json_pair_bool(w, "canAdmin", 0);
    phr_json_pair_bool(w, "canStar", 0);
    phr_json_pair_bool(w, "canDelete", 0);
    phr_json_pair_bool(w, "isStarred", 0);
    phr_json_pair(w, "slug", b->slug);
    phr_boards_url(c, "url", "/d/", b->uid, b->slug);
    phr_json_pair_int(w, "version", b->version);
    phr_json_pair_bool(w, "hasAcl", 0);
    phr_json_pair_bool(w, "isFolder", 0);
    phr_boards_folder(c, b);
    phr_json_pair_bool(w, "provisioned", 1);
    phr_json_pair(w, "provisionedExternalId", b->path);
    phr_json_end_object(w);
}


/* nobody has chosen one: an empty dashboard, as of a Grafana without */

int
phr_api_boards_home(phr_call_t *c, phr_err_t *err)
{
    phr_json_writer_t  *w;

    phr_boards_begin(c);

    w = &c->json;

    phr_json_object(w);
    phr_json_key(w, "meta");
    phr_json_object(w);
    phr_json_pair_bool(w, "isHome", 1);
    phr_json_pair_bool(w, "canSave", 0);
    phr_json_pair_bool(w, "canEdit", 0);
    phr_json_pair_bool(w, "canStar", 0);
    phr_json_pair_c(w, "slug", "");
    phr_json_pair_int(w, "version", 0);
    phr_json_pair_int(w, "folderId", 0);
    phr_json_pair_c(w, "folderTitle", "General");
    phr_json_end_object(w);
    phr_json_key(w, "dashboard");
    phr_json_object(w);
    phr_json_pair_c(w, "title", "Home");
    phr_json_key(w, "tags");
    phr_json_array(w);
    phr_json_end_array(w);
    phr_json_key(w, "panels");
    phr_json_array(w);
    phr_json_end_array(w);
    phr_json_pair_int(w, "schemaVersion", 39);
    phr_json_pair_int(w, "version", 0);
    phr_json_end_object(w);
    phr_json_end_object(w);

    return phr_call_tag(c, err);
}


/* the one that there is: this server, as a Prometheus */

int
phr_api_datasources(phr_call_t *c, phr_err_t *err)
{
    phr_str_t           url;
    phr_json_writer_t  *w;

    url = c->api->external_url;

    if (url.len == 0) {
        url = c->req->prefix.len ? c->req->prefix : phr_str_of("/");
    }

    phr_boards_begin(c);

    w = &c->json;

    phr_json_array(w);
    phr_json_object(w);
    phr_json_pair_int(w, "id", 1);
    phr_json_pair_c(w, "uid", PHR_BOARDS_SOURCE);
    phr_json_pair_int(w, "orgId", 1);
    phr_json_pair_c(w, "name", PHR_BOARDS_SOURCE);
    phr_json_pair_c(w, "type", "prometheus");
    phr_json_pair_c(w, "typeName", "Prometheus");
    phr_json_pair_c(w, "typeLogoUrl", "");
    phr_json_pair_c(w, "access", "proxy");
    phr_json_pair(w, "url", url);
    phr_json_pair_c(w, "user", "");
    phr_json_pair_c(w, "database", "");
    phr_json_pair_bool(w, "basicAuth", 0);
    phr_json_pair_bool(w, "isDefault", 1);
    phr_json_key(w, "jsonData");
    phr_json_object(w);
    phr_json_pair_c(w, "httpMethod", "POST");
    phr_json_end_object(w);
    phr_json_pair_bool(w, "readOnly", 1);
    phr_json_end_object(w);
    phr_json_end_array(w);

    return phr_call_tag(c, err);
}


static void
phr_boards_begin(phr_call_t *c)
{
    c->res->status = 200;
    c->res->content_type = phr_str_of("application/json");
    phr_json_init(&c->json, &c->res->body);
}


/* the form of Grafana's errors */

static int
phr_boards_missing(phr_call_t *c, const char *text)
{
    phr_boards_begin(c);
    c->res->status = 404;

    phr_json_object(&c->json);
    phr_json_pair_c(&c->json, "message", text);
    phr_json_end_object(&c->json);

    return PHR_OK;
}
