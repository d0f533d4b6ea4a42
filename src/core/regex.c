/*
 * Copyright (C) The Pharos Authors
 *
 * Regex: decides how a pattern is matched, and matches.  Simple patterns
 * are compared or looked up.  The rest is PCRE2: its backtracking matcher
 * first, which is fast on what people write, under a limit that it cannot
 * exceed for long; when that is hit, its DFA matcher, whose cost is bounded
 * by the product of pattern and subject.
 */

#include "core/regex.h"

#include <stdio.h>

#define PCRE2_CODE_UNIT_WIDTH  8
#include <pcre2.h>

#include "core/alloc.h"
#include "core/map.h"
#include "core/regex_parse.h"
#include "core/utf8.h"


/* steps of the backtracking matcher, a few milliseconds at most */
#define PHR_REGEX_MATCH_LIMIT   20000

/* where groups are wanted there is no other matcher: more patience */
#define PHR_REGEX_EXPAND_LIMIT  1000000

/* of the matcher's heap, kilobytes */
#define PHR_REGEX_HEAP_KB       16384

/* words of the DFA matcher, at first and at most */
#define PHR_REGEX_DFA_MIN       4096
#define PHR_REGEX_DFA_MAX       (1024 * 1024)

/* sets up to this size are searched from end to end */
#define PHR_REGEX_SCAN          8

/* bytes of memory that parsing one pattern may take */
#define PHR_REGEX_ARENA         (32 * 1024 * 1024)


typedef enum {
    PHR_REGEX_IS_SET = 0,
    PHR_REGEX_IS_AFFIX,     /* .* and .+ around or beside a literal, alone */
    PHR_REGEX_IS_PCRE2,
} phr_regex_kind_e;


struct phr_regex_s {
    phr_regex_kind_e        kind;

    phr_str_t              *set;        /* of SET, without duplicates */
    size_t                  nset;
    phr_map_t              *map;        /* of a large set, else NULL */

    phr_str_t               literal;    /* of AFFIX; may be empty */
    unsigned                front:1;    /* something may come before it */
    unsigned                back:1;     /* and behind it */
    uint8_t                 min_front;  /* 1 for .+ */
    uint8_t                 min_back;

    phr_str_t               prefix;

    phr_str_t              *names;      /* of groups 1 .. ngroups */
    size_t                  ngroups;
    unsigned                whole:1;    /* group 1 is the whole match */

    pcre2_general_context  *general;
    pcre2_match_context    *limits;     /* of matching; never changed */
    pcre2_match_context    *patience;   /* of expanding */
    pcre2_code             *code;       /* NULL if it is not needed */

    phr_arena_t            *arena;

    /* changed by any thread, atomically */
    pcre2_match_data       *spare;
    uint64_t                nfailed;
};


static int phr_regex_init(phr_regex_t *re, phr_str_t pattern, phr_err_t *err);
static void phr_regex_classify(phr_regex_t *re, const phr_regex_shape_t *sh);
static int phr_regex_init_set(phr_regex_t *re, const phr_regex_item_t *item);
static int phr_regex_compile(phr_regex_t *re, const phr_buf_t *text,
    phr_err_t *err);
static int phr_regex_known_script(phr_str_t name);
static void *phr_regex_malloc(size_t size, void *data);
static void phr_regex_free(void *p, void *data);
static int phr_regex_in_set(const phr_regex_t *re, phr_str_t s);
static int phr_regex_affix(const phr_regex_t *re, phr_str_t s);
static int phr_regex_subject(phr_str_t *s, phr_buf_t *copy);
static int phr_regex_run(const phr_regex_t *re, phr_str_t s);
static int phr_regex_dfa(const phr_regex_t *re, phr_str_t s);
static void phr_regex_expand_template(const phr_regex_t *re,
    phr_str_t template, phr_str_t s, const size_t *v, size_t n,
    phr_buf_t *out);
static const char *phr_regex_reference(phr_str_t rest, phr_str_t *name);
static void phr_regex_expand_group(const phr_regex_t *re, phr_str_t name,
    phr_str_t s, const size_t *v, size_t n, phr_buf_t *out);


int
phr_regex_create(phr_str_t pattern, phr_regex_t **out, phr_err_t *err)
{
    int           rc;
    phr_regex_t  *re;

    re = phr_calloc(1, sizeof(phr_regex_t));
    if (re == NULL) {
        return phr_err_set(err, PHR_ENOMEM,
                           "no memory for a regular expression");
    }

    rc = phr_regex_init(re, pattern, err);
    if (rc != PHR_OK) {
        phr_regex_destroy(re);
        return rc;
    }

    *out = re;

    return PHR_OK;
}


void
phr_regex_destroy(phr_regex_t *re)
{
    if (re == NULL) {
        return;
    }

    pcre2_match_data_free(re->spare);
    pcre2_code_free(re->code);
    pcre2_match_context_free(re->limits);
    pcre2_match_context_free(re->patience);
    pcre2_general_context_free(re->general);

    phr_map_destroy(re->map);
    phr_arena_destroy(re->arena);
    phr_free(re);
}


int
phr_regex_match(const phr_regex_t *re, phr_str_t s)
{
    int        rc;
    phr_buf_t  copy;

    if (re->kind == PHR_REGEX_IS_SET) {
        return phr_regex_in_set(re, s);
    }

    if (re->kind == PHR_REGEX_IS_AFFIX) {
        return phr_regex_affix(re, s);
    }

    if (s.len < re->prefix.len
        || memcmp(s.data, re->prefix.data, re->prefix.len) != 0)
    {
        return 0;
    }

    phr_buf_init(&copy, 0);

    rc = phr_regex_subject(&s, &copy);

    if (rc == PHR_OK) {
        rc = phr_regex_run(re, s);
    }

    phr_buf_free(&copy);

    if (rc < 0) {
        (void) __atomic_fetch_add(&((phr_regex_t *) re)->nfailed, 1,
                                  __ATOMIC_RELAXED);
        return 0;
    }

    return rc;
}


uint64_t
phr_regex_nfailed(const phr_regex_t *re)
{
    return __atomic_load_n(&re->nfailed, __ATOMIC_RELAXED);
}


int
phr_regex_expand(const phr_regex_t *re, phr_str_t s, phr_str_t template,
    phr_buf_t *out)
{
    int                rc;
    size_t             v[4];
    phr_buf_t          copy;
    pcre2_match_data  *md;

    if (re->code == NULL) {

        if (!phr_regex_match(re, s)) {
            return PHR_NOTFOUND;
        }

        v[0] = v[2] = 0;
        v[1] = v[3] = s.len;

        phr_regex_expand_template(re, template, s, v, re->whole ? 2 : 1,
                                  out);
        return PHR_OK;
    }

    phr_buf_init(&copy, 0);

    md = pcre2_match_data_create_from_pattern(re->code, re->general);

    if (md == NULL || phr_regex_subject(&s, &copy) != PHR_OK) {
        rc = PCRE2_ERROR_NOMEMORY;

    } else {
        rc = pcre2_match(re->code, (PCRE2_SPTR) s.data, s.len, 0,
                         PCRE2_NO_UTF_CHECK, md, re->patience);

        /* the other matcher may know at least that there is no match */

        if (rc < 0 && rc != PCRE2_ERROR_NOMATCH
            && phr_regex_dfa(re, s) == 0)
        {
            rc = PCRE2_ERROR_NOMATCH;
        }
    }

    if (rc > 0) {
        phr_regex_expand_template(re, template, s,
                                  pcre2_get_ovector_pointer(md), (size_t) rc,
                                  out);
    }

    pcre2_match_data_free(md);
    phr_buf_free(&copy);

    return rc > 0 ? PHR_OK
                  : rc == PCRE2_ERROR_NOMATCH ? PHR_NOTFOUND : PHR_ELIMIT;
}


size_t
phr_regex_literals(const phr_regex_t *re, const phr_str_t **set)
{
    if (re->kind != PHR_REGEX_IS_SET) {
        return 0;
    }

    *set = re->set;

    return re->nset;
}


phr_str_t
phr_regex_prefix(const phr_regex_t *re)
{
    return re->prefix;
}


static int
phr_regex_init(phr_regex_t *re, phr_str_t pattern, phr_err_t *err)
{
    int                  rc;
    phr_str_t            copy;
    phr_regex_parsed_t   parsed;
    phr_regex_item_t    *first;

    re->arena = phr_arena_create(PHR_REGEX_ARENA);
    if (re->arena == NULL) {
        return phr_err_set(err, PHR_ENOMEM,
                           "no memory for a regular expression");
    }

    copy = phr_arena_str(re->arena, pattern);
    if (copy.data == NULL) {
        rc = phr_arena_rc(re->arena);
        return phr_err_set(err, rc, rc == PHR_ELIMIT
                           ? "error parsing regexp: expression too large"
                           : "no memory for a regular expression");
    }

    rc = phr_regex_parse(re->arena, copy, phr_regex_known_script, &parsed,
                         err);
    if (rc != PHR_OK) {
        phr_buf_free(&parsed.out);
        return rc;
    }

    re->names = parsed.names;
    re->ngroups = parsed.ngroups;
    re->whole = parsed.whole;
    re->prefix = phr_str_of("");

    first = &parsed.shape.items[0];

    if (parsed.shape.n > 0 && first->kind == PHR_REGEX_SET && first->n == 1) {
        re->prefix = first->s[0];
    }

    phr_regex_classify(re, &parsed.shape);

    if (re->kind == PHR_REGEX_IS_SET) {
        rc = phr_regex_init_set(re, parsed.shape.n ? first : NULL);
    }

    /* groups are needed only to expand; "(...)" needs no help for that */

    if (rc == PHR_OK
        && (re->kind == PHR_REGEX_IS_PCRE2 || (re->ngroups && !re->whole)))
    {
        rc = phr_regex_compile(re, &parsed.out, err);
    }

    if (rc == PHR_ENOMEM) {
        phr_err_set(err, rc, "no memory for a regular expression");
    }

    phr_buf_free(&parsed.out);

    return rc;
}


static void
phr_regex_classify(phr_regex_t *re, const phr_regex_shape_t *sh)
{
    size_t                   i;
    const phr_regex_item_t  *item;

    re->kind = PHR_REGEX_IS_SET;
    re->literal = phr_str_of("");

    if (sh->n == 0 || (sh->n == 1 && sh->items[0].kind == PHR_REGEX_SET)) {
        return;
    }

    re->kind = PHR_REGEX_IS_AFFIX;

    for (i = 0; i < sh->n; i++) {
        item = &sh->items[i];

        if (item->kind == PHR_REGEX_SET && item->n == 1
            && re->literal.len == 0 && !re->back)
        {
            re->literal = item->s[0];
            continue;
        }

        if (item->kind != PHR_REGEX_STAR && item->kind != PHR_REGEX_PLUS) {
            re->kind = PHR_REGEX_IS_PCRE2;
            return;
        }

        if (re->literal.len == 0 && !re->front) {
            re->front = 1;
            re->min_front = item->kind == PHR_REGEX_PLUS;

        } else if (!re->back && re->literal.len != 0) {
            re->back = 1;
            re->min_back = item->kind == PHR_REGEX_PLUS;

        } else {
            re->kind = PHR_REGEX_IS_PCRE2;
            return;
        }
    }
}


static int
phr_regex_init_set(phr_regex_t *re, const phr_regex_item_t *item)
{
    size_t      i, n;
    phr_str_t  *s;

    static phr_str_t  empty[1] = { { "", 0 } };

    if (item == NULL) {
        re->set = empty;
        re->nset = 1;
        return PHR_OK;
    }

    s = item->s;

    if (item->n > 1) {
        re->map = phr_map_create();
        if (re->map == NULL) {
            return PHR_ENOMEM;
        }
    }

    for (i = 0, n = 0; i < item->n; i++) {

        if (re->map != NULL) {
            if (phr_map_get(re->map, s[i]) != NULL) {
                continue;
            }

            if (phr_map_set(re->map, s[i], re) != PHR_OK) {
                return PHR_ENOMEM;
            }
        }

        s[n++] = s[i];
    }

    re->set = s;
    re->nset = n;

    if (n <= PHR_REGEX_SCAN) {
        phr_map_destroy(re->map);
        re->map = NULL;
    }

    return PHR_OK;
}


static int
phr_regex_compile(phr_regex_t *re, const phr_buf_t *text, phr_err_t *err)
{
    int                     rc, code;
    size_t                  at;
    phr_buf_t               full;
    PCRE2_UCHAR             message[128];
    pcre2_compile_context  *cc;

    re->general = pcre2_general_context_create(phr_regex_malloc,
                                               phr_regex_free, NULL);
    if (re->general == NULL) {
        return PHR_ENOMEM;
    }

    re->limits = pcre2_match_context_create(re->general);
    re->patience = pcre2_match_context_create(re->general);
    cc = pcre2_compile_context_create(re->general);

    phr_buf_init(&full, 0);
    phr_buf_puts(&full, "(?:");
    phr_buf_append(&full, text->data, text->len);
    phr_buf_puts(&full, ")\\z");

    rc = PHR_ENOMEM;

    if (re->limits == NULL || re->patience == NULL || cc == NULL
        || full.failed != PHR_OK)
    {
        goto done;
    }

    pcre2_set_match_limit(re->limits, PHR_REGEX_MATCH_LIMIT);
    pcre2_set_heap_limit(re->limits, PHR_REGEX_HEAP_KB);
    pcre2_set_match_limit(re->patience, PHR_REGEX_EXPAND_LIMIT);
    pcre2_set_heap_limit(re->patience, PHR_REGEX_HEAP_KB);
    pcre2_set_newline(cc, PCRE2_NEWLINE_LF);

    re->code = pcre2_compile((PCRE2_SPTR) full.data, full.len,
                             PCRE2_ANCHORED | PCRE2_DOTALL | PCRE2_UTF
                             | PCRE2_NO_UTF_CHECK | PCRE2_ALT_CIRCUMFLEX,
                             &code, &at, cc);

    if (re->code != NULL) {
        rc = PHR_OK;

        /* where there may be no executable memory, it works without */

        (void) pcre2_jit_compile(re->code, PCRE2_JIT_COMPLETE);
        goto done;
    }

    if (code == PCRE2_ERROR_HEAP_FAILED) {
        goto done;
    }

    if (re->kind != PHR_REGEX_IS_PCRE2) {
        rc = PHR_OK;
        goto done;
    }

    pcre2_get_error_message(code, message, sizeof(message));

    rc = phr_err_set(err, PHR_ELIMIT,
                     "error parsing regexp: expression too large: %s",
                     (char *) message);

done:

    pcre2_compile_context_free(cc);
    phr_buf_free(&full);

    return rc;
}


/* PCRE2 has the table of scripts, and says so by compiling */

static int
phr_regex_known_script(phr_str_t name)
{
    int          code;
    char         text[64];
    size_t       at, i;
    pcre2_code  *re;

    if (name.len < 2 || name.len > 40
        || name.data[0] < 'A' || name.data[0] > 'Z')
    {
        return 0;
    }

    for (i = 0; i < name.len; i++) {
        if (name.data[i] != '_'
            && !((name.data[i] | 0x20) >= 'a' && (name.data[i] | 0x20) <= 'z'))
        {
            return 0;
        }
    }

    snprintf(text, sizeof(text), "\\p{sc:%.*s}", (int) name.len, name.data);

    re = pcre2_compile((PCRE2_SPTR) text, PCRE2_ZERO_TERMINATED, PCRE2_UTF,
                       &code, &at, NULL);
    pcre2_code_free(re);

    return re != NULL;
}


static void *
phr_regex_malloc(size_t size, void *data)
{
    return phr_malloc(size);
}


static void
phr_regex_free(void *p, void *data)
{
    phr_free(p);
}


static int
phr_regex_in_set(const phr_regex_t *re, phr_str_t s)
{
    size_t  i;

    if (re->map != NULL) {
        return phr_map_get(re->map, s) != NULL;
    }

    for (i = 0; i < re->nset; i++) {
        if (phr_str_eq(re->set[i], s)) {
            return 1;
        }
    }

    return 0;
}


static int
phr_regex_affix(const phr_regex_t *re, phr_str_t s)
{
    size_t     min;
    phr_str_t  lit;

    lit = re->literal;
    min = lit.len + re->min_front + re->min_back;

    if (s.len < min) {
        return 0;
    }

    if (lit.len == 0) {
        return 1;
    }

    if (!re->front) {
        return memcmp(s.data, lit.data, lit.len) == 0;
    }

    if (!re->back) {
        return memcmp(s.data + s.len - lit.len, lit.data, lit.len) == 0;
    }

    return memmem(s.data + re->min_front,
                  s.len - re->min_front - re->min_back, lit.data, lit.len)
           != NULL;
}


/* as RE2 reads it: each ill-formed byte is U+FFFD */

static int
phr_regex_subject(phr_str_t *s, phr_buf_t *copy)
{
    char         text[4];
    const char  *p, *end;

    if (s->data == NULL) {
        s->data = "";
    }

    if (phr_utf8_valid(s->data, s->len)) {
        return PHR_OK;
    }

    p = s->data;
    end = p + s->len;

    while (p < end) {
        phr_buf_append(copy, text,
                       phr_utf8_encode(text, phr_utf8_decode(&p, end)));
    }

    *s = phr_buf_view(copy);

    return copy->failed;
}


/* 1, 0 or a failure */

static int
phr_regex_run(const phr_regex_t *re, phr_str_t s)
{
    int                 rc;
    pcre2_match_data   *md, **spare;

    /* one block is kept for whoever comes next, in whatever thread */

    spare = &((phr_regex_t *) re)->spare;

    md = __atomic_exchange_n(spare, NULL, __ATOMIC_ACQUIRE);

    if (md == NULL) {
        md = pcre2_match_data_create(1, re->general);
        if (md == NULL) {
            return PHR_ENOMEM;
        }
    }

    rc = pcre2_match(re->code, (PCRE2_SPTR) s.data, s.len, 0,
                     PCRE2_NO_UTF_CHECK, md, re->limits);

    md = __atomic_exchange_n(spare, md, __ATOMIC_ACQ_REL);
    pcre2_match_data_free(md);

    if (rc >= 0) {
        return 1;
    }

    return rc == PCRE2_ERROR_NOMATCH ? 0 : phr_regex_dfa(re, s);
}


static int
phr_regex_dfa(const phr_regex_t *re, phr_str_t s)
{
    int                rc, *work;
    size_t             n;
    pcre2_match_data  *md;

    md = pcre2_match_data_create(1, re->general);
    if (md == NULL) {
        return PHR_ENOMEM;
    }

    for (n = PHR_REGEX_DFA_MIN; ; n *= 8) {
        work = phr_malloc(n * sizeof(int));
        if (work == NULL) {
            rc = PHR_ENOMEM;
            break;
        }

        rc = pcre2_dfa_match(re->code, (PCRE2_SPTR) s.data, s.len, 0,
                             PCRE2_NO_UTF_CHECK | PCRE2_DFA_SHORTEST, md,
                             re->patience, work, n);
        phr_free(work);

        if (rc != PCRE2_ERROR_DFA_WSSIZE || n >= PHR_REGEX_DFA_MAX) {
            rc = rc >= 0 ? 1 : rc == PCRE2_ERROR_NOMATCH ? 0 : PHR_ELIMIT;
            break;
        }
    }

    pcre2_match_data_free(md);

    return rc;
}


/* v holds n pairs of offsets into s, the whole match first */

static void
phr_regex_expand_template(const phr_regex_t *re, phr_str_t template,
    phr_str_t s, const size_t *v, size_t n, phr_buf_t *out)
{
    phr_str_t    name;
    const char  *p, *dollar, *end, *next;

    p = template.data;
    end = p + template.len;

    while (p < end) {
        dollar = memchr(p, '$', (size_t) (end - p));

        if (dollar == NULL) {
            phr_buf_append(out, p, (size_t) (end - p));
            return;
        }

        phr_buf_append(out, p, (size_t) (dollar - p));
        p = dollar + 1;

        if (p < end && *p == '$') {
            phr_buf_putc(out, '$');
            p++;
            continue;
        }

        next = phr_regex_reference(phr_str_from(p, (size_t) (end - p)),
                                   &name);
        if (next == NULL) {
            phr_buf_putc(out, '$');
            continue;
        }

        phr_regex_expand_group(re, name, s, v, n, out);
        p = next;
    }
}


/* the name in "name..." or "{name}..."; NULL if it is neither */

static const char *
phr_regex_reference(phr_str_t rest, phr_str_t *name)
{
    int          brace;
    char         c;
    const char  *p, *end;

    p = rest.data;
    end = p + rest.len;

    brace = p < end && *p == '{';
    p += brace;
    name->data = p;

    for ( /* void */ ; p < end; p++) {
        c = *p;

        if (c != '_' && !(c >= '0' && c <= '9')
            && !((c | 0x20) >= 'a' && (c | 0x20) <= 'z'))
        {
            break;
        }
    }

    name->len = (size_t) (p - name->data);

    if (name->len == 0 || (brace && (p == end || *p != '}'))) {
        return NULL;
    }

    return p + brace;
}


static void
phr_regex_expand_group(const phr_regex_t *re, phr_str_t name, phr_str_t s,
    const size_t *v, size_t n, phr_buf_t *out)
{
    size_t  i, k;

    for (i = 0, k = 0; i < name.len; i++) {
        if (name.data[i] < '0' || name.data[i] > '9' || k > re->ngroups) {
            break;
        }

        k = k * 10 + (size_t) (name.data[i] - '0');
    }

    if (name.data[0] >= '0' && name.data[0] <= '9') {

        /* a number, or like "1x" nothing that could be a name */

        if (i == name.len && k < n && v[2 * k] != PCRE2_UNSET
            && !(name.len > 1 && name.data[0] == '0'))
        {
            phr_buf_append(out, s.data + v[2 * k], v[2 * k + 1] - v[2 * k]);
            return;
        }

        if (i == name.len) {
            return;
        }
    }

    for (k = 1; k <= re->ngroups; k++) {
        if (phr_str_eq(re->names[k - 1], name) && k < n
            && v[2 * k] != PCRE2_UNSET)
        {
            phr_buf_append(out, s.data + v[2 * k], v[2 * k + 1] - v[2 * k]);
            return;
        }
    }
}
