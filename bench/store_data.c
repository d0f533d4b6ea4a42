/*
 * Copyright (C) The Pharos Authors
 *
 * The series of a node exporter and how their values move; see
 * store_data.h.  Nothing here talks to anybody.
 */

#include "store_data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


enum {
    DATA_CONST = 0,
    DATA_COUNTER,           /* grows by up to 4096 */
    DATA_FEW,               /* grows by up to 3 */
    DATA_CPU,               /* grows by up to one second, in hundredths */
    DATA_NANO,              /* grows, nine digits behind the point */
    DATA_PAGES,             /* wanders, in pages of 4096 */
    DATA_SECONDS,           /* anew each time, nine digits */
    DATA_LOAD               /* wanders, in hundredths */
};


/* of a thousand series; the first nmoving of each family move */
static const struct {
    const char  *name;
    const char  *type;
    unsigned     nfamilies;
    unsigned     n;             /* series of a family */
    unsigned     nmoving;
    int          kind;
    const char  *labels[2];     /* names; the values are numbers, or words */
} data_families[] = {
    { "node_cpu_seconds_total", "counter", 1, 128, 48, DATA_CPU,
      { "cpu", "mode" } },
    { "node_cpu_guest_seconds_total", "counter", 1, 32, 0, DATA_CPU,
      { "cpu", "mode" } },
    { "node_disk_stat%02u_total", "counter", 15, 4, 2, DATA_COUNTER,
      { "device" } },
    { "node_network_stat%02u_total", "counter", 30, 6, 1, DATA_COUNTER,
      { "device" } },
    { "node_memory_item%02u_bytes", "gauge", 50, 1, 1, DATA_PAGES, { 0 } },
    { "node_netstat_item%02u", "untyped", 25, 1, 0, DATA_CONST, { 0 } },
    { "node_netstat_more%02u", "untyped", 20, 1, 1, DATA_COUNTER, { 0 } },
    { "node_vmstat_item%02u", "untyped", 20, 1, 1, DATA_FEW, { 0 } },
    { "node_load%02u", "gauge", 3, 1, 1, DATA_LOAD, { 0 } },
    { "node_filesystem_item%02u_bytes", "gauge", 7, 10, 1, DATA_PAGES,
      { "mountpoint", "device" } },
    { "node_scrape_collector_duration_seconds", "gauge", 1, 40, 40,
      DATA_SECONDS, { "collector" } },
    { "node_scrape_collector_success", "gauge", 1, 40, 0, DATA_CONST,
      { "collector" } },
    { "node_schedstat_seconds%02u_total", "counter", 3, 8, 8, DATA_NANO,
      { "cpu" } },
    { "node_softnet_item%02u_total", "counter", 4, 16, 6, DATA_FEW,
      { "cpu" } },
    { "node_hwmon_temp_celsius", "gauge", 1, 40, 2, DATA_LOAD,
      { "chip", "sensor" } },
    { "node_systemd_unit_state", "gauge", 1, 230, 0, DATA_CONST,
      { "name", "state" } },
    { "go_memstats_item%02u", "gauge", 14, 1, 1, DATA_PAGES, { 0 } },
};

#define DATA_NFAMILIES  (sizeof(data_families) / sizeof(data_families[0]))


static const int64_t  data_pow10[] = {
    1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000
};


static void data_lines(data_t *d, size_t from, unsigned round, uint8_t *kind);
static void data_line(data_line_t *l, const char *name, const char *head,
    const char *const *labels, unsigned i);
static uint64_t data_random(uint64_t *seed, uint64_t n);


void
data_create(data_t *d, size_t ntargets, size_t nseries)
{
    size_t        i, k;
    uint8_t      *kind;
    uint64_t     *seed;
    data_cell_t  *c;

    d->ntargets = ntargets;
    d->nseries = nseries;
    d->line = data_alloc(nseries * sizeof(data_line_t));
    d->cell = data_alloc(ntargets * nseries * sizeof(data_cell_t));
    d->seed = data_alloc(ntargets * sizeof(uint64_t));
    kind = data_alloc(nseries);

    for (i = 0; i * 1000 < nseries; i++) {
        data_lines(d, i * 1000, (unsigned) i, kind);
    }

    for (i = 0; i < ntargets; i++) {
        seed = &d->seed[i];
        *seed = 88172645463325252ULL + i * 0x9e3779b97f4a7c15ULL;

        for (k = 0; k < nseries; k++) {
            c = &d->cell[i * nseries + k];
            c->kind = kind[k];

            switch (c->kind) {

            case DATA_CONST:
                c->m = k % 3 ? (int64_t) (k % 2)
                             : (int64_t) data_random(seed, 10000000);
                break;

            case DATA_CPU:
            case DATA_LOAD:
                c->e = 2;
                c->m = (int64_t) data_random(seed,
                               c->kind == DATA_CPU ? 100000000 : 5000);
                break;

            case DATA_NANO:
                c->e = 9;
                c->m = (int64_t) data_random(seed, 1ULL << 46);
                break;

            case DATA_SECONDS:
                c->e = 9;
                break;

            case DATA_PAGES:
                c->m = 4096 * (int64_t) data_random(seed, 4000000);
                break;

            default:
                c->m = (int64_t) data_random(seed, 1ULL << 36);
            }
        }

        data_step(d, i);
    }

    free(kind);
}


void
data_step(data_t *d, size_t target)
{
    size_t        k;
    uint64_t     *seed;
    data_cell_t  *c;

    seed = &d->seed[target];
    c = &d->cell[target * d->nseries];

    for (k = 0; k < d->nseries; k++, c++) {

        switch (c->kind) {

        case DATA_CONST:
            break;

        case DATA_COUNTER:
            c->m += (int64_t) data_random(seed, 4096);
            break;

        case DATA_FEW:
            c->m += (int64_t) data_random(seed, 4);
            break;

        case DATA_CPU:
            c->m += (int64_t) data_random(seed, 100);
            break;

        case DATA_NANO:
            c->m += (int64_t) data_random(seed, 1000000000);
            break;

        case DATA_PAGES:
            c->m += 4096 * ((int64_t) data_random(seed, 513) - 256);
            c->m = c->m < 0 ? 0 : c->m;
            break;

        case DATA_SECONDS:
            c->m = (int64_t) data_random(seed, 20000000) + 20000;
            break;

        case DATA_LOAD:
            c->m += (int64_t) data_random(seed, 21) - 10;
            c->m = c->m < 0 ? 0 : c->m;
            break;
        }
    }
}


double
data_value(const data_cell_t *c)
{
    return (double) c->m / (double) data_pow10[c->e];
}


size_t
data_format(const data_cell_t *c, char *text)
{
    int       n, e, exp, i;
    char      digits[24], *s;
    int64_t   m;

    m = c->m;
    e = c->e;
    s = text;

    if (m == 0) {
        *s = '0';
        return 1;
    }

    /* digits without zeros at the end, exp: of the first one */

    while (m % 10 == 0) {
        m /= 10;
        e--;
    }

    for (n = 0; m != 0; m /= 10) {
        digits[n++] = (char) ('0' + m % 10);
    }

    exp = n - 1 - e;

    if (exp < -4 || exp >= 6) {
        *s++ = digits[n - 1];

        if (n > 1) {
            *s++ = '.';
        }

        for (i = n - 2; i >= 0; i--) {
            *s++ = digits[i];
        }

        *s++ = 'e';
        *s++ = exp < 0 ? '-' : '+';
        exp = exp < 0 ? -exp : exp;
        *s++ = (char) ('0' + exp / 10);
        *s++ = (char) ('0' + exp % 10);

        return (size_t) (s - text);
    }

    if (exp < 0) {
        *s++ = '0';
        *s++ = '.';

        for (i = -1; i > exp; i--) {
            *s++ = '0';
        }
    }

    for (i = n - 1; i >= 0 || exp >= 0; i--, exp--) {
        *s++ = i >= 0 ? digits[i] : '0';

        if (exp == 0 && i > 0) {
            *s++ = '.';
        }
    }

    return (size_t) (s - text);
}


void
data_address(size_t target, char *text, size_t size)
{
    snprintf(text, size, "127.9.%u.%u", (unsigned) (target / 250),
             (unsigned) (target % 250 + 1));
}


void *
data_alloc(size_t size)
{
    void  *p;

    p = calloc(1, size ? size : 1);
    if (p == NULL) {
        fprintf(stderr, "no memory\n");
        exit(1);
    }

    return p;
}


/* a thousand lines, or what is left; further rounds have other names */

static void
data_lines(data_t *d, size_t from, unsigned round, uint8_t *kind)
{
    char      name[96], more[112], head[512];
    size_t    at, f;
    unsigned  k, i;

    at = from;

    for (f = 0; f < DATA_NFAMILIES; f++) {
        for (k = 0; k < data_families[f].nfamilies; k++) {

            snprintf(name, sizeof(name), data_families[f].name, k);
            snprintf(more, sizeof(more), round ? "%s_r%u" : "%s", name,
                     round);
            snprintf(head, sizeof(head), "# HELP %s Statistic %s of the "
                     "machine.\n# TYPE %s %s\n", more, more, more,
                     data_families[f].type);

            for (i = 0; i < data_families[f].n; i++) {
                if (at == d->nseries || at == from + 1000) {
                    return;
                }

                data_line(&d->line[at], more, i == 0 ? head : "",
                          data_families[f].labels, i);
                kind[at++] = (uint8_t) (i < data_families[f].nmoving
                                        ? data_families[f].kind : DATA_CONST);
            }
        }
    }
}


static void
data_line(data_line_t *l, const char *name, const char *head,
    const char *const *labels, unsigned i)
{
    int         n, k;
    char        text[1024], value[64];

    static const char  *words[] = {
        "idle", "user", "system", "nice", "irq", "softirq", "iowait", "steal"
    };

    l->name = strdup(name);
    n = snprintf(text, sizeof(text), "%s%s", head, name);

    for (k = 0; k < 2 && labels[k] != NULL; k++) {

        if (k == 1) {
            snprintf(value, sizeof(value), "%s", words[i % 8]);

        } else if (labels[1] != NULL) {
            snprintf(value, sizeof(value), "%u", i / 8);

        } else {
            snprintf(value, sizeof(value), "unit-%u", i);
        }

        l->label[k] = strdup(labels[k]);
        l->value[k] = strdup(value);
        l->nlabels++;

        n += snprintf(text + n, sizeof(text) - (size_t) n, "%s%s=\"%s\"",
                      k == 0 ? "{" : ",", labels[k], value);
    }

    n += snprintf(text + n, sizeof(text) - (size_t) n, "%s ",
                  k == 0 ? "" : "}");

    l->text = strdup(text);
    l->len = (size_t) n;
}


/* xorshift */

static uint64_t
data_random(uint64_t *seed, uint64_t n)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;

    return (*seed >> 11) % n;
}
