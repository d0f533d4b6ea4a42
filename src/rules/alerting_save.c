/*
 * Copyright (C) The Pharos Authors
 *
 * Saving: the alerts of a rule as a small record beside the samples.
 *
 *   version       1 byte, 1
 *   identity      uvarint length, bytes
 *   nalerts       uvarint
 *   each alert:
 *     labels      uvarint length, phr_labels_encode()
 *     annotations uvarint count; of each name and value: uvarint length,
 *                 bytes (a value may be empty, which labels know not)
 *     state       1 byte, phr_alert_state_e
 *     value       8 bytes, big-endian, IEEE 754
 *     times       6 uvarints, zigzag: active, fired, resolved, sent,
 *                 valid until, kept since; milliseconds
 */

#include "rules/alerting.h"

#include "core/alloc.h"
#include "core/bytes.h"
#include "rules/rule.h"


#define PHR_ALERTING_VERSION  1

/* larger records are damaged */
#define PHR_ALERTING_ARENA    (64 * 1024 * 1024)


static void phr_alerting_put_labels(phr_buf_t *out, phr_buf_t *scratch,
    phr_labels_t ls);
static void phr_alerting_put_annotations(phr_buf_t *out, phr_labels_t ls);
static int phr_alerting_get(const uint8_t **p, const uint8_t *end,
    phr_str_t *s);
static int phr_alerting_get_annotations(const uint8_t **p,
    const uint8_t *end, phr_arena_t *arena, phr_labels_t *ls);
static int phr_alerting_get_labels(const uint8_t **p, const uint8_t *end,
    phr_arena_t *arena, phr_labels_t *ls);
static int phr_alerting_get_alert(const uint8_t **p, const uint8_t *end,
    phr_arena_t *arena, phr_alert_t *alert);
static void phr_alerting_times(phr_alert_t *alert, int64_t *times[6]);


void
phr_alerting_save(const phr_alerting_t *a, phr_str_t identity,
    phr_buf_t *out)
{
    size_t        i, k;
    uint8_t       bits[8];
    int64_t      *times[6];
    phr_buf_t     scratch;
    phr_alert_t  *alert;

    phr_buf_init(&scratch, 0);

    phr_buf_putc(out, PHR_ALERTING_VERSION);
    phr_buf_uvarint(out, identity.len);
    phr_buf_str(out, identity);
    phr_buf_uvarint(out, a->nalerts);

    for (i = 0; i < a->nalerts; i++) {
        alert = a->alerts[i];

        phr_alerting_put_labels(out, &scratch, alert->labels);
        phr_alerting_put_annotations(out, alert->annotations);
        phr_buf_putc(out, (char) alert->state);

        phr_put_be64(bits, phr_double_bits(alert->value));
        phr_buf_append(out, bits, sizeof(bits));

        phr_alerting_times(alert, times);

        for (k = 0; k < phr_nelems(times); k++) {
            phr_buf_uvarint(out, phr_zigzag(*times[k]));
        }
    }

    phr_buf_free(&scratch);
}


int
phr_alerting_load(phr_alerting_t *a, phr_str_t identity, phr_str_t record,
    int64_t stamp_ms, int64_t now_ms, int64_t interval_ms, phr_err_t *err)
{
    int              rc;
    int64_t          away_ms;
    uint64_t         i, n;
    phr_str_t        whose;
    phr_alert_t      alert, *copy;
    phr_arena_t     *arena;
    phr_alerting_t   loaded;
    const uint8_t   *p, *end;

    p = (const uint8_t *) record.data;
    end = p + record.len;

    if (record.len < 2 || *p++ != PHR_ALERTING_VERSION
        || phr_alerting_get(&p, end, &whose) != PHR_OK
        || phr_get_uvarint(&p, end, &n) != PHR_OK
        || n > record.len)
    {
        return phr_err_set(err, PHR_ECORRUPT, "record of alerts is damaged");
    }

    if (!phr_str_eq(whose, identity)) {
        return PHR_NOTFOUND;
    }

    away_ms = phr_max(now_ms - stamp_ms, 0);

    if (away_ms > PHR_ALERT_OUTAGE_MS) {
        return PHR_OK;
    }

    arena = phr_arena_create(PHR_ALERTING_ARENA);
    loaded = *a;
    loaded.nalerts = 0;
    loaded.nalloc = (size_t) n;
    loaded.alerts = phr_calloc(phr_max((size_t) n, 1),
                               sizeof(phr_alert_t *));

    rc = arena && loaded.alerts ? PHR_OK : PHR_ENOMEM;

    for (i = 0; i < n && rc == PHR_OK; i++) {
        memset(&alert, 0, sizeof(phr_alert_t));

        rc = phr_alerting_get_alert(&p, end, arena, &alert);
        if (rc != PHR_OK) {
            break;
        }

        /* what was not observed does not count as pending */

        if (alert.state == PHR_ALERT_PENDING && away_ms > interval_ms) {
            alert.active_ms += away_ms - interval_ms;
        }

        copy = phr_calloc(1, sizeof(phr_alert_t));
        if (copy == NULL) {
            rc = PHR_ENOMEM;
            break;
        }

        *copy = alert;
        memset(&copy->annotations, 0, sizeof(phr_labels_t));

        rc = phr_rule_labels_dup(alert.labels, &copy->labels);
        if (rc == PHR_OK) {
            rc = phr_rule_labels_dup(alert.annotations, &copy->annotations);
        }

        copy->hash = phr_labels_hash(alert.labels);
        loaded.alerts[loaded.nalerts++] = copy;
    }

    phr_arena_destroy(arena);

    if (rc != PHR_OK) {
        phr_alerting_free(&loaded);
        return phr_err_set(err, rc, rc == PHR_ENOMEM
                           ? "no memory for alerts"
                           : "record of alerts is damaged");
    }

    /* after a long pause the first results may still lack their data */

    loaded.settle_until_ms = away_ms > PHR_RULE_LOOKBACK_MS
                             ? now_ms + 2 * interval_ms : 0;
    loaded.changed = 1;

    if (now_ms < stamp_ms) {
        /* the clock was set back meanwhile */
        phr_alerting_shift(&loaded, now_ms - stamp_ms,
                           now_ms + PHR_RULE_LOOKBACK_MS);
    }

    phr_alerting_free(a);
    *a = loaded;

    return PHR_OK;
}


static void
phr_alerting_put_labels(phr_buf_t *out, phr_buf_t *scratch, phr_labels_t ls)
{
    phr_buf_reset(scratch);
    phr_labels_encode(scratch, ls);

    if (scratch->failed) {
        out->failed = scratch->failed;
        return;
    }

    phr_buf_uvarint(out, scratch->len);
    phr_buf_str(out, phr_buf_view(scratch));
}


static void
phr_alerting_put_annotations(phr_buf_t *out, phr_labels_t ls)
{
    size_t  i;

    phr_buf_uvarint(out, ls.n);

    for (i = 0; i < ls.n; i++) {
        phr_buf_uvarint(out, ls.l[i].name.len);
        phr_buf_str(out, ls.l[i].name);
        phr_buf_uvarint(out, ls.l[i].value.len);
        phr_buf_str(out, ls.l[i].value);
    }
}


static int
phr_alerting_get(const uint8_t **p, const uint8_t *end, phr_str_t *s)
{
    uint64_t  n;

    if (phr_get_uvarint(p, end, &n) != PHR_OK
        || n > (uint64_t) (end - *p))
    {
        return PHR_ECORRUPT;
    }

    *s = phr_str_from((const char *) *p, (size_t) n);
    *p += n;

    return PHR_OK;
}


static int
phr_alerting_get_labels(const uint8_t **p, const uint8_t *end,
    phr_arena_t *arena, phr_labels_t *ls)
{
    phr_str_t  s;

    if (phr_alerting_get(p, end, &s) != PHR_OK) {
        return PHR_ECORRUPT;
    }

    return phr_labels_decode(arena, (const uint8_t *) s.data, s.len, ls);
}


/* the names and values stay in the record */

static int
phr_alerting_get_annotations(const uint8_t **p, const uint8_t *end,
    phr_arena_t *arena, phr_labels_t *ls)
{
    uint64_t      i, n;
    phr_label_t  *l;

    if (phr_get_uvarint(p, end, &n) != PHR_OK
        || n > (uint64_t) (end - *p))
    {
        return PHR_ECORRUPT;
    }

    l = phr_arena_calloc(arena, (size_t) n + 1, sizeof(phr_label_t));
    if (l == NULL) {
        return PHR_ENOMEM;
    }

    for (i = 0; i < n; i++) {
        if (phr_alerting_get(p, end, &l[i].name) != PHR_OK
            || phr_alerting_get(p, end, &l[i].value) != PHR_OK)
        {
            return PHR_ECORRUPT;
        }
    }

    ls->l = l;
    ls->n = (size_t) n;

    return PHR_OK;
}


static int
phr_alerting_get_alert(const uint8_t **p, const uint8_t *end,
    phr_arena_t *arena, phr_alert_t *alert)
{
    int        rc;
    size_t     k;
    int64_t   *times[6];
    uint64_t   v;

    rc = phr_alerting_get_labels(p, end, arena, &alert->labels);
    if (rc == PHR_OK) {
        rc = phr_alerting_get_annotations(p, end, arena,
                                          &alert->annotations);
    }

    if (rc != PHR_OK) {
        return rc == PHR_ENOMEM ? rc : PHR_ECORRUPT;
    }

    if (end - *p < 9 || **p > PHR_ALERT_FIRING) {
        return PHR_ECORRUPT;
    }

    alert->state = (phr_alert_state_e) *(*p)++;
    alert->value = phr_double_from_bits(phr_get_be64(*p));
    *p += 8;

    phr_alerting_times(alert, times);

    for (k = 0; k < phr_nelems(times); k++) {

        if (phr_get_uvarint(p, end, &v) != PHR_OK) {
            return PHR_ECORRUPT;
        }

        *times[k] = phr_unzigzag(v);
    }

    /* whoever was told is gone: the dispatcher of this process was not */

    alert->sent_ms = 0;

    return PHR_OK;
}


static void
phr_alerting_times(phr_alert_t *alert, int64_t *times[6])
{
    times[0] = &alert->active_ms;
    times[1] = &alert->fired_ms;
    times[2] = &alert->resolved_ms;
    times[3] = &alert->sent_ms;
    times[4] = &alert->valid_until_ms;
    times[5] = &alert->keep_since_ms;
}
