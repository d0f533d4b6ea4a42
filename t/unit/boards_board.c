/*
 * Copyright (C) The Pharos Authors
 *
 * Boards: files as people have them, what is wrong with those that are
 * refused, and the list.  Real dashboards are test input that is not part
 * of the project: without them, in ../shared/corpus or where PHAROS_CORPUS
 * says, that part is skipped.
 */

#include "boards/board.h"

#include <ftw.h>
#include <unistd.h>

#include "core/json.h"
#include "oom.h"
#include "tap.h"


static phr_board_t *
parse(const char *text, const char *path, phr_err_t *err)
{
    phr_board_t  *b;

    phr_err_init(err);

    if (phr_board_create(phr_str_from_c(text), "/srv/b/x.json",
                         phr_str_from_c(path), &b, err)
        != PHR_OK)
    {
        return NULL;
    }

    return b;
}


static const char *
cstr(phr_str_t s)
{
    static char  bufs[4][1024];
    static int   next;
    char        *p;

    p = bufs[next++ % 4];
    snprintf(p, sizeof(bufs[0]), "%.*s", (int) s.len, s.data);

    return p;
}


/* title|uid|slug|folder|tags|schemaVersion|version */

static const char *
shown(const phr_board_t *b)
{
    size_t       i;
    static char  out[1024], tags[256];

    tags[0] = '\0';

    for (i = 0; i < b->ntags; i++) {
        snprintf(tags + strlen(tags), sizeof(tags) - strlen(tags), "%s%s",
                 i ? "," : "", cstr(b->tags[i]));
    }

    snprintf(out, sizeof(out), "%s|%s|%s|%s|%s|%d|%d", cstr(b->title),
             cstr(b->uid), cstr(b->slug), cstr(b->folder), tags,
             (int) b->schema_version, (int) b->version);

    return out;
}


static void
fields(const char *what, const char *path, const char *text,
    const char *expected)
{
    phr_err_t     err;
    phr_board_t  *b;

    b = parse(text, path, &err);

    if (!ok(b != NULL, "%s is taken", what)) {
        printf("# %s\n", err.text);
        return;
    }

    is_str(shown(b), expected, "%s", what);
    phr_board_drop(b);
}


static void
test_fields(void)
{
    fields("all that lists show", "x.json",
           "{\"title\": \"Node & \\\"more\\\" (1)\", \"uid\": \"aB-_9\", "
           "\"tags\": [\"a\", \"b c\"], \"schemaVersion\": 39, "
           "\"version\": 4}",
           "Node & \"more\" (1)|aB-_9|node-more-1||a,b c|39|4");

    fields("other values than text in tags are left out", "x.json",
           "{\"title\":\"T\",\"uid\":\"u\",\"tags\":[1,\"a\",null]}",
           "T|u|t||a|0|0");

    fields("tags that are null are none", "x.json",
           "{\"title\":\"T\",\"uid\":\"u\",\"tags\":null}", "T|u|t|||0|0");

    fields("the sub-folder", "team/x.json", "{\"title\":\"T\",\"uid\":\"u\"}",
           "T|u|t|team||0|0");

    fields("the nearest of many sub-folders", "a/b c/x.json",
           "{\"title\":\"T\",\"uid\":\"u\"}", "T|u|t|b c||0|0");

    fields("a title without letters of ASCII has the uid in its address",
           "x.json", "{\"title\":\"\xc3\x9c\",\"uid\":\"u\"}",
           "\xc3\x9c|u|u|||0|0");

    fields("a wrapped one", "x.json",
           "{\"overwrite\": true, \"dashboard\": {\"title\":\"T\", "
           "\"uid\":\"u\", \"tags\":[\"a\"]}, \"title\": \"no\"}",
           "T|u|t||a|0|0");

    fields("a member \"dashboard\" that is no object wraps nothing",
           "x.json", "{\"title\":\"T\",\"uid\":\"u\",\"dashboard\":true}",
           "T|u|t|||0|0");
}


static void
refused(const char *what, const char *text, int code, const char *expected)
{
    char          got[1024];
    phr_err_t     err;
    phr_board_t  *b;

    b = parse(text, "x.json", &err);

    if (!ok(b == NULL, "%s is refused", what)) {
        phr_board_drop(b);
        return;
    }

    is_int(err.code, code, "%s: the code", what);
    is_str(phr_err_format(&err, got, sizeof(got)), expected, "%s", what);
}


static void
test_refused(void)
{
    char  deep[400];

    refused("what is cut short", "{\n  \"title\": \"T\",\n", PHR_EPARSE,
            "/srv/b/x.json:3:1: string or '}' expected near end of file");

    refused("an empty file", "", PHR_EPARSE,
            "/srv/b/x.json:1:1: unexpected token near end of file");

    refused("a list", " [1]", PHR_EPARSE,
            "/srv/b/x.json:1:2: a dashboard is an object");

    refused("no title", "\n {\"uid\": \"u\"}", PHR_EINVAL,
            "/srv/b/x.json:2:2: a dashboard needs a \"title\"");

    refused("no title in what is wrapped",
            "{\"title\":\"T\",\n\"dashboard\": {}}", PHR_EINVAL,
            "/srv/b/x.json:2:14: a dashboard needs a \"title\"");

    refused("an empty title", "{\"a\": [\"title\", {\"title\": 1}],\n"
            "  \"title\": \"\"}", PHR_EINVAL,
            "/srv/b/x.json:2:12: the \"title\" of a dashboard is text, and "
            "not empty");

    refused("a uid with a slash",
            "{\"title\": \"T\",\n \"uid\": \"a/b\"}", PHR_EINVAL,
            "/srv/b/x.json:2:9: a \"uid\" is made of letters, digits, \"-\" "
            "and \"_\"");

    refused("a uid of 41 characters", "{\"title\": \"T\", \"uid\": "
            "\"12345678901234567890123456789012345678901\"}", PHR_EINVAL,
            "/srv/b/x.json:1:23: a \"uid\" has at most 40 characters");

    memset(deep, '[', sizeof(deep) - 1);
    deep[sizeof(deep) - 1] = '\0';

    refused("what is nested too deeply", deep, PHR_EPARSE,
            "/srv/b/x.json:1: JSON is nested too deeply");
}


/* %s: the uid */

static void
written(const char *what, const char *text, const char *expected)
{
    char          want[1024];
    phr_err_t     err;
    phr_buf_t     out;
    phr_board_t  *b;

    b = parse(text, "team/x.json", &err);
    if (!ok(b != NULL, "%s is taken", what)) {
        return;
    }

    phr_buf_init(&out, 0);
    phr_board_write(b, &out);
    snprintf(want, sizeof(want), expected, cstr(b->uid));
    is_str(phr_buf_cstr(&out), want, "%s", what);

    phr_buf_free(&out);
    phr_board_drop(b);
}


static void
test_written(void)
{
    written("text with a uid is given out as it is",
            "{ \"title\" : \"T\",\n\t\"uid\":\"u\", \"x\": 1.50e3 }",
            "{ \"title\" : \"T\",\n\t\"uid\":\"u\", \"x\": 1.50e3 }");

    written("only what was wrapped is given out",
            " {\"a\":\"}\\\"{\", \"dashboard\" : {\"uid\":\"u\", "
            "\"title\":\"T\", \"x\":[{}]} , \"folderId\":0}",
            "{\"uid\":\"u\", \"title\":\"T\", \"x\":[{}]}");

    written("a uid that was missing is put in",
            "{ \"title\": \"T\" }", "{\"uid\":\"%s\", \"title\": \"T\" }");

    written("a uid that was null is replaced",
            "{\"a\":{\"uid\":\"no\"},\"uid\":null,\"title\":\"T\"}",
            "{\"a\":{\"uid\":\"no\"},\"uid\":\"%s\",\"title\":\"T\"}");

    written("an empty uid is replaced",
            "{\"title\":\"\\\\\",\"uid\":\"\"}",
            "{\"title\":\"\\\\\",\"uid\":\"%s\"}");

    written("a uid that is a number is replaced",
            "{\"uid\": 17 ,\"title\":\"T\"}",
            "{\"uid\": \"%s\" ,\"title\":\"T\"}");
}


static void
test_uid(void)
{
    phr_err_t     err;
    phr_board_t  *a, *b, *c;
    const char   *text = "{\"title\":\"T\"}";

    a = parse(text, "one/x.json", &err);
    b = parse(text, "one/x.json", &err);
    c = parse("{\"title\":\"Other\"}", "two/x.json", &err);

    ok(phr_str_eq(a->uid, b->uid), "one file, one uid");
    ok(!phr_str_eq(a->uid, c->uid), "another file, another uid");

    /* links people have kept must not die with a new version */
    is_str(cstr(a->uid), "027199a000830afa", "a uid that is made is stable");
    is_int(a->id, phr_board_id(a->uid), "the number is that of the uid");

    phr_board_drop(a);
    phr_board_drop(b);
    phr_board_drop(c);
}


static char  clashes[256];

static void
clash(void *data, const phr_board_t *left_out, const phr_board_t *taken)
{
    snprintf(clashes + strlen(clashes), sizeof(clashes) - strlen(clashes),
             "%s for %s;", cstr(left_out->path), cstr(taken->path));
}


static const char *
search(const phr_boards_t *list, const char *query, const char *tags)
{
    char                *next;
    size_t               pos;
    phr_str_t            tag[4];
    const phr_board_t   *b;
    phr_board_filter_t   filter;
    static char          out[256], copy[64];

    memset(&filter, 0, sizeof(filter));
    filter.query = phr_str_from_c(query);
    filter.tags = tag;

    snprintf(copy, sizeof(copy), "%s", tags);

    for (next = strtok(copy, ","); next; next = strtok(NULL, ",")) {
        tag[filter.ntags++] = phr_str_from_c(next);
    }

    out[0] = '\0';
    pos = 0;

    while ((b = phr_boards_search(list, &filter, &pos)) != NULL) {
        snprintf(out + strlen(out), sizeof(out) - strlen(out), "%s;",
                 cstr(b->title));
    }

    return out;
}


static void
test_list(void)
{
    size_t               i;
    phr_err_t            err;
    phr_boards_t        *list;
    phr_board_t         *b[7];
    const phr_board_t   *found;

    static const struct {
        const char  *path;
        const char  *text;
    } files[] = {
        { "z.json", "{\"title\":\"b two\",\"uid\":\"2\","
                    "\"tags\":[\"x\",\"y\"]}" },
        { "c.json", "{\"title\":\"Again\",\"uid\":\"1\"}" },
        { "q/a.json", "{\"title\":\"C three\",\"uid\":\"3\","
                      "\"tags\":[\"y\"]}" },
        { "a.json", "{\"title\":\"A one\",\"uid\":\"1\"}" },
        { "p/a.json", "{\"title\":\"d\",\"uid\":\"4\"}" },
        { "p/b.json", "{\"title\":\"a oneself\",\"uid\":\"5\"}" },
        { "d.json", "{\"title\":\"Once more\",\"uid\":\"1\"}" },
    };

    for (i = 0; i < phr_nelems(files); i++) {
        b[i] = parse(files[i].text, files[i].path, &err);
    }

    is_int(phr_boards_create(b, phr_nelems(b), clash, NULL, &list), PHR_OK,
           "a list");

    for (i = 0; i < phr_nelems(b); i++) {
        phr_board_drop(b[i]);
    }

    is_str(clashes, "c.json for a.json;d.json for a.json;",
           "the first file of a uid is taken");
    is_str(search(list, "", ""), "A one;a oneself;b two;C three;d;",
           "boards are in the order of titles");
    is_str(search(list, "ONE", ""), "A one;a oneself;",
           "a part of the title in any case finds");
    is_str(search(list, "no such", ""), "", "what no title has finds none");
    is_str(search(list, "a one and much more than that", ""), "",
           "a query may be longer than titles");
    is_str(search(list, "", "y"), "b two;C three;", "one tag");
    is_str(search(list, "", "y,x"), "b two;", "all tags must be there");
    is_str(search(list, "three", "y"), "C three;", "a tag and a part");
    is_str(search(list, "", "Y"), "", "tags are as they are written");

    found = phr_boards_find(list, phr_str_of("3"));
    is_str(found ? cstr(found->title) : "", "C three", "found by uid");
    ok(phr_boards_find(list, phr_str_of("9")) == NULL, "no such uid");

    is_int(list->nfolders, 2, "two folders");
    is_str(cstr(list->folders[0].title), "p", "the first");
    is_str(cstr(list->folders[1].title), "q", "the second");

    phr_boards_destroy(list);

    is_int(phr_boards_create(NULL, 0, clash, NULL, &list), PHR_OK,
           "an empty list");
    is_str(search(list, "", ""), "", "has nothing");
    phr_boards_destroy(list);
}


/* every allocation of ours fails once; jansson has its own */

static int
one_of_all(void *data)
{
    int            rc;
    phr_err_t      err;
    phr_board_t   *b;
    phr_boards_t  *list;

    b = NULL;
    list = NULL;
    phr_err_init(&err);

    rc = phr_board_create(phr_str_of("{\"title\":\"T\",\"tags\":[\"a\"]}"),
                          "x.json", phr_str_of("a/x.json"), &b, &err);

    if (rc == PHR_OK) {
        rc = phr_boards_create(&b, 1, NULL, NULL, &list);
    }

    phr_boards_destroy(list);
    phr_board_drop(b);

    return rc;
}


static void
test_memory(void)
{
    ok(phr_oom_run(one_of_all, NULL) > 4, "no memory is said and survived");
}


static int  nreal;

/* a real one is taken, and what is given out of it is the same JSON */

static int
real(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    FILE            *f;
    char            *text;
    size_t           len;
    phr_err_t        err;
    phr_buf_t        out;
    phr_board_t     *b;
    phr_json_doc_t  *doc;

    len = strlen(path);

    if (type != FTW_F || len < 5 || strcmp(path + len - 5, ".json") != 0
        || (strstr(path, "/dashboards/") == NULL
            && strstr(path, "/grafana") == NULL))
    {
        return 0;
    }

    f = fopen(path, "rb");
    text = malloc((size_t) st->st_size + 1);
    len = fread(text, 1, (size_t) st->st_size, f);
    fclose(f);

    phr_err_init(&err);

    if (ok(phr_board_create(phr_str_from(text, len), path,
                            phr_str_from_c(path + ftw->base), &b, &err)
           == PHR_OK, "%s", path))
    {
        phr_buf_init(&out, 0);
        phr_board_write(b, &out);

        ok(phr_json_parse(phr_buf_view(&out), &doc, &err) == PHR_OK,
           "what is given out is JSON");
        ok(phr_str_eq(phr_json_get_str(phr_json_get(phr_json_root(doc),
                                                    "title"), ""), b->title),
           "with the title");
        ok(phr_str_eq(phr_json_get_str(phr_json_get(phr_json_root(doc),
                                                    "uid"), ""), b->uid),
           "and the uid");

        phr_json_destroy(doc);
        phr_buf_free(&out);
        phr_board_drop(b);

    } else {
        printf("# %u:%u: %s\n", err.line, err.column, err.text);
    }

    free(text);
    nreal++;

    return 0;
}


static void
test_corpus(void)
{
    const char  *corpus;

    corpus = getenv("PHAROS_CORPUS");
    corpus = (corpus && corpus[0]) ? corpus : "../shared/corpus";

    if (access(corpus, R_OK) != 0) {
        printf("# no corpus in %s: skipped\n", corpus);
        return;
    }

    (void) nftw(corpus, real, 16, FTW_PHYS);
    ok(nreal >= 15, "%d real dashboards", nreal);
}


int
main(void)
{
    test_fields();
    test_refused();
    test_written();
    test_uid();
    test_list();
    test_memory();
    test_corpus();

    return done_testing();
}
