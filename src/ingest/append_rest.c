/*
 * Copyright (C) The Pharos Authors
 *
 * Rest: what is kept of a target whose answers are as predicted.  Of the
 * last good answer that is a few bytes a line instead of the body, a table
 * of its lines and maps of them; and the scrape goes through both at once.
 * The first answer that differs wakes the target: all is made anew from
 * what is here.
 *
 *     META     +------+------------+---------+
 *              | head | length     | hash 8  |        lines up to a sample
 *              +------+------------+---------+
 *     SAMPLE   +------+--------+--------+------+-------+
 *              | head | [slot] | shared | more | bytes |  the metric part
 *              +------+--------+--------+------+-------+
 *
 * Lengths and slots are varints.  "shared" bytes are those of the metric
 * part before.  A slot is left out if it is the first of its line: slots are
 * numbered in the order of lines.  Of metadata a hash is enough: who made
 * two of his own texts collide would hide a change of them, and nothing
 * else.
 */

#include "ingest/append_impl.h"

#include "core/alloc.h"
#include "core/bytes.h"


/* the head: what the line is in the low bits, */
#define PHR_REST_META      0
#define PHR_REST_NEXT      1    /* the slot after the highest so far */
#define PHR_REST_SLOT      2    /* the slot follows */
#define PHR_REST_DROPPED   3
#define PHR_REST_KIND      3

#define PHR_REST_HAS_T     4    /* the sample has a time of its own */
#define PHR_REST_TYPE      3    /* shift: what TYPE said up to here */

#define PHR_REST_HASH      8

/* bytes of a line beside those of the metric part */
#define PHR_REST_MAX       40

/* a target that wakes sooner has to be quiet for twice as long next time */
#define PHR_REST_LONG      32


typedef struct {
    const uint8_t  *p;
    const uint8_t  *end;
    const char     *metric;     /* of the sample before, in some body */
    size_t          metric_len;
    uint32_t        nslots;
} phr_scrape_at_t;

/* a line as it is kept */
typedef struct {
    uint8_t         head;
    uint32_t        slot;
    uint64_t        shared;     /* of META: the length of its lines */
    uint64_t        more;
    const uint8_t  *bytes;      /* of META: the hash */
} phr_scrape_kept_t;


static int phr_scrape_rest_encode(phr_scrape_t *s, phr_buf_t *b,
    size_t *nkept);
static size_t phr_scrape_rest_meta(phr_scrape_t *s, phr_buf_t *b, size_t at);
static int phr_scrape_rest_line(phr_scrape_at_t *at, phr_scrape_kept_t *k);
static int phr_scrape_rest_is(phr_scrape_pass_t *pass,
    phr_scrape_at_t *at, const phr_scrape_kept_t *k,
    phr_scrape_line_t *line, phr_err_t *err);
static int phr_scrape_rest_decode(phr_scrape_t *s);
static size_t phr_scrape_shared(const phr_scrape_at_t *at, const char *s,
    size_t len);


void
phr_scrape_sleep(phr_scrape_t *s)
{
    size_t      i, nlines;
    phr_buf_t   lines, meta;

    phr_buf_init(&lines, 0);
    phr_buf_init(&meta, 0);

    /* slots are numbered in the order of lines by a purge */

    if (phr_scrape_meta_pack(s, &meta) != PHR_OK
        || phr_scrape_purge(s) != PHR_OK
        || phr_scrape_rest_encode(s, &lines, &nlines) != PHR_OK)
    {
        phr_buf_free(&lines);
        phr_buf_free(&meta);
        return;
    }

    phr_buf_fit(&lines);
    phr_buf_fit(&meta);
    phr_array_fit(&s->slots);

    for (i = 0; i < s->ntracked && s->tracked[i] == i; i++) {
        /* void */
    }

    if (i == s->ntracked) {
        phr_free(s->tracked);
        s->tracked = NULL;
    }

    s->rest.lines = lines;
    s->rest.meta = meta;
    s->rest.nlines = nlines;
    s->rest.ntracked = s->ntracked;
    s->rest.nscrapes = 0;

    phr_scrape_answer_free(s);
    phr_scrape_meta_clear(s);
    phr_map_clear(s->text_map);
    phr_array_free(&s->texts);
    phr_expo_free(&s->again);
    phr_arena_reset(s->tmp);
    phr_free(s->sid_map);

    s->sid_map = NULL;
    s->sid_size = 0;
    s->asleep = 1;
}


int
phr_scrape_wake(phr_scrape_t *s)
{
    int     rc;
    size_t  i;

    if (!s->asleep) {
        return PHR_OK;
    }

    if (s->tracked == NULL) {
        s->tracked = phr_malloc((s->rest.ntracked + 1) * sizeof(uint32_t));
        if (s->tracked == NULL) {
            return PHR_ENOMEM;
        }

        for (i = 0; i < s->rest.ntracked; i++) {
            s->tracked[i] = (uint32_t) i;
        }
    }

    rc = phr_scrape_rest_decode(s);

    if (rc == PHR_OK) {
        rc = phr_scrape_purge(s);
    }

    if (rc == PHR_OK) {
        rc = phr_scrape_meta_unpack(s, &s->rest.meta);
    }

    if (rc != PHR_OK) {
        phr_scrape_answer_free(s);
        phr_scrape_meta_clear(s);
        return rc;
    }

    s->quiet = s->rest.nscrapes < PHR_REST_LONG
               ? phr_min(2 * s->quiet, PHR_REST_LONG) : 1;
    s->nquiet = 0;

    phr_scrape_rest_free(s);

    return PHR_OK;
}


void
phr_scrape_rest_free(phr_scrape_t *s)
{
    phr_buf_free(&s->rest.lines);
    phr_buf_free(&s->rest.meta);
    memset(&s->rest, 0, sizeof(phr_scrape_rest_t));
    s->asleep = 0;
}


int
phr_scrape_rest_read(phr_scrape_pass_t *pass, phr_err_t *err)
{
    int                 rc;
    phr_err_t           ignored;        /* it will be found again, awake */
    phr_expo_t         *p;
    phr_scrape_t       *s;
    phr_scrape_at_t     at;
    phr_scrape_kept_t   kept;

    s = pass->s;
    p = &pass->p;

    pass->lines = phr_malloc((s->rest.nlines + 1)
                             * sizeof(phr_scrape_line_t));
    if (pass->lines == NULL) {
        return phr_err_set(err, PHR_ENOMEM, "no memory for a scrape");
    }

    phr_err_init(&ignored);
    memset(&at, 0, sizeof(phr_scrape_at_t));
    at.p = (const uint8_t *) s->rest.lines.data;
    at.end = at.p + s->rest.lines.len;

    while (at.p < at.end) {

        if (phr_scrape_rest_line(&at, &kept) != PHR_OK) {
            return PHR_NOTFOUND;
        }

        rc = phr_scrape_rest_is(pass, &at, &kept,
                                &pass->lines[pass->nlines], &ignored);
        if (rc != PHR_OK) {
            return rc;
        }

        pass->nlines++;
    }

    /* and that must be all of it */

    rc = phr_expo_next(p, &ignored);

    if (rc != PHR_DONE || pass->full || pass->hist_rc != PHR_OK) {
        return rc == PHR_ENOMEM ? rc : PHR_NOTFOUND;
    }

    s->rest.nscrapes++;

    return PHR_OK;
}


/*
 * Returns PHR_NOTFOUND if there is a line that can not be predicted; else
 * *nkept is the number of what was written.
 */

static int
phr_scrape_rest_encode(phr_scrape_t *s, phr_buf_t *b, size_t *nkept)
{
    char               *text;
    size_t              i, n, shared;
    uint8_t             head;
    phr_scrape_at_t     at;
    phr_scrape_line_t  *line;

    memset(&at, 0, sizeof(phr_scrape_at_t));

    for (i = 0, *nkept = 0; i < s->nlines; i++, ++*nkept) {

        if (s->lines[i].kind == PHR_LINE_META) {
            n = phr_scrape_rest_meta(s, b, i);
            if (n == 0) {
                return PHR_NOTFOUND;
            }

            i += n - 1;
            continue;
        }

        line = &s->lines[i];
        text = s->body + line->off;

        if (line->text == PHR_SCRAPE_NONE || line->slot == PHR_SCRAPE_NONE) {
            return PHR_NOTFOUND;
        }

        head = line->slot == PHR_SCRAPE_DROPPED ? PHR_REST_DROPPED
               : line->slot == at.nslots ? PHR_REST_NEXT : PHR_REST_SLOT;
        at.nslots += head == PHR_REST_NEXT;

        shared = phr_scrape_shared(&at, text, line->metric_len);
        n = line->metric_len - shared;

        if (phr_buf_reserve(b, n + PHR_REST_MAX) == NULL) {
            return PHR_ENOMEM;
        }

        phr_buf_putc(b, (char) (head | (line->has_t ? PHR_REST_HAS_T : 0)
                                | line->type << PHR_REST_TYPE));

        if (head == PHR_REST_SLOT) {
            phr_buf_uvarint(b, line->slot);
        }

        phr_buf_uvarint(b, shared);
        phr_buf_uvarint(b, n);
        phr_buf_append(b, text + shared, n);

        at.metric = text;
        at.metric_len = line->metric_len;
    }

    return b->failed;
}


/* lines of metadata that follow each other; returns how many, or 0 */

static size_t
phr_scrape_rest_meta(phr_scrape_t *s, phr_buf_t *b, size_t at)
{
    size_t              i;
    uint32_t            begin, end;
    uint64_t            hash;
    phr_scrape_line_t  *line;

    begin = s->lines[at].off;
    end = begin;
    line = NULL;

    for (i = at; i < s->nlines && s->lines[i].kind == PHR_LINE_META; i++) {
        line = &s->lines[i];

        if (!line->whole || line->off != end) {
            return 0;
        }

        end += line->line_len;
    }

    hash = phr_xxh64(s->body + begin, end - begin);

    phr_buf_putc(b, (char) (PHR_REST_META | line->type << PHR_REST_TYPE));
    phr_buf_uvarint(b, end - begin);
    phr_buf_append(b, &hash, PHR_REST_HASH);

    return b->failed ? 0 : i - at;
}


static size_t
phr_scrape_shared(const phr_scrape_at_t *at, const char *s, size_t len)
{
    size_t  n, max;

    max = phr_min(at->metric_len, len);

    for (n = 0; n < max && at->metric[n] == s[n]; n++) {
        /* void */
    }

    return n;
}


/* a varint, mostly of one byte */

static inline int
phr_scrape_rest_number(phr_scrape_at_t *at, uint64_t *n)
{
    if (phr_likely(at->p < at->end && *at->p < 0x80)) {
        *n = *at->p++;
        return PHR_OK;
    }

    return phr_get_uvarint(&at->p, at->end, n);
}


static int
phr_scrape_rest_line(phr_scrape_at_t *at, phr_scrape_kept_t *k)
{
    int       rc;
    uint64_t  slot;

    rc = PHR_OK;
    k->head = *at->p++;
    k->slot = PHR_SCRAPE_DROPPED;

    switch (k->head & PHR_REST_KIND) {

    case PHR_REST_META:
        k->more = PHR_REST_HASH;
        rc = phr_scrape_rest_number(at, &k->shared);
        goto bytes;

    case PHR_REST_NEXT:
        k->slot = at->nslots++;
        break;

    case PHR_REST_SLOT:
        rc = phr_scrape_rest_number(at, &slot);
        k->slot = (uint32_t) slot;
        break;
    }

    if (rc == PHR_OK) {
        rc = phr_scrape_rest_number(at, &k->shared);
    }

    if (rc == PHR_OK) {
        rc = phr_scrape_rest_number(at, &k->more);
    }

bytes:

    k->bytes = at->p;

    if (rc != PHR_OK || k->more > (size_t) (at->end - at->p)) {
        return PHR_ECORRUPT;
    }

    at->p += k->more;

    return PHR_OK;
}


/* the next line of the body beside the one that is kept */

static int
phr_scrape_rest_is(phr_scrape_pass_t *pass, phr_scrape_at_t *at,
    const phr_scrape_kept_t *k, phr_scrape_line_t *line, phr_err_t *err)
{
    int          rc;
    size_t       len, room;
    uint64_t     hash;
    phr_expo_t  *p;

    p = &pass->p;
    room = (size_t) (p->end - p->pos);

    line->off = (uint32_t) (p->pos - p->body);
    line->type = k->head >> PHR_REST_TYPE;
    p->type = (phr_metric_type_e) line->type;

    if ((k->head & PHR_REST_KIND) == PHR_REST_META) {
        if (room < k->shared) {
            return PHR_NOTFOUND;
        }

        hash = phr_xxh64(p->pos, k->shared);
        line->kind = PHR_LINE_META;
        line->stage = PHR_STAGE_NONE;
        p->pos += k->shared;

        return memcmp(&hash, k->bytes, PHR_REST_HASH) == 0 ? PHR_OK
                                                           : PHR_NOTFOUND;
    }

    len = k->shared + k->more;

    if (room <= len || memcmp(p->pos + k->shared, k->bytes, k->more) != 0
        || (k->shared != 0 && memcmp(p->pos, at->metric, k->shared) != 0))
    {
        return PHR_NOTFOUND;
    }

    at->metric = p->pos;

    rc = phr_expo_next_known(p, len, err);

    if (rc != PHR_OK || p->has_t != ((k->head & PHR_REST_HAS_T) != 0)) {
        return rc == PHR_ENOMEM ? rc : PHR_NOTFOUND;
    }

    line->kind = PHR_LINE_SAMPLE;
    line->metric_len = (uint32_t) len;
    line->slot = k->slot;
    line->v = p->value;
    line->has_t = p->has_t;
    line->is_hist = p->is_hist;
    line->t_ms = p->t_ms;

    phr_scrape_stage(pass, line);

    return p->has_exemplar && pass->app->exemplars
           ? phr_scrape_line_exemplars(pass) : PHR_OK;
}


/*
 * Lines without values, and one for all metadata before a sample: no line is
 * equal to one of them as a whole.
 */

static int
phr_scrape_rest_decode(phr_scrape_t *s)
{
    size_t              i, off;
    phr_buf_t           body;
    phr_scrape_at_t     at;
    phr_scrape_kept_t   k;
    phr_scrape_line_t  *line;

    s->lines = phr_calloc(s->rest.nlines + 1, sizeof(phr_scrape_line_t));
    if (s->lines == NULL) {
        return PHR_ENOMEM;
    }

    phr_buf_init(&body, 0);
    memset(&at, 0, sizeof(phr_scrape_at_t));
    at.p = (const uint8_t *) s->rest.lines.data;
    at.end = at.p + s->rest.lines.len;
    off = 0;

    for (i = 0; i < s->rest.nlines; i++) {
        line = &s->lines[i];

        if (at.p == at.end || phr_scrape_rest_line(&at, &k) != PHR_OK) {
            break;
        }

        line->type = k.head >> PHR_REST_TYPE;
        line->text = PHR_SCRAPE_NONE;
        line->slot = PHR_SCRAPE_NONE;
        line->off = (uint32_t) body.len;

        if ((k.head & PHR_REST_KIND) == PHR_REST_META) {
            continue;
        }

        if (phr_buf_reserve(&body, k.shared + k.more) == NULL) {
            break;
        }

        /* "shared" is 0 for the first */

        memcpy(body.data + body.len, body.data + off, k.shared);
        memcpy(body.data + body.len + k.shared, k.bytes, k.more);
        off = body.len;
        body.len += k.shared + k.more;

        line->kind = PHR_LINE_SAMPLE;
        line->metric_len = (uint32_t) (k.shared + k.more);
        line->slot = k.slot;
        line->text = 0;
    }

    s->body = body.data;
    s->nlines = i;

    return i == s->rest.nlines ? PHR_OK : PHR_ENOMEM;
}
