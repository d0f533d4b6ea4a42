/*
 * Copyright (C) The Pharos Authors
 *
 * Open: the store as the directives want it.  One that is damaged is moved
 * aside, and a new one begun with what can be read of it.
 */

#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx/ngx_http_pharos_check.h"
#include "ngx/ngx_http_pharos_open.h"
#include "store/aside.h"
#include "store/rescue.h"


/* samples that are further ahead are refused */
#define NGX_HTTP_PHAROS_FUTURE_MS      (10 * 60 * 1000)


static void ngx_http_pharos_open_conf(ngx_http_pharos_main_conf_t *pmcf,
    ngx_log_t *log, phr_store_conf_t *conf);
static void ngx_http_pharos_open_rescue(const phr_store_conf_t *conf,
    ngx_log_t *log);


int
ngx_http_pharos_open(ngx_http_pharos_main_conf_t *pmcf,
    ngx_http_pharos_shared_t *sh, ngx_log_t *log, phr_store_t **store,
    phr_err_t *err)
{
    int               rc;
    char              name[PHR_ASIDE_NAME];
    ngx_uint_t        tries;
    phr_store_conf_t  conf;

    *store = NULL;

    ngx_http_pharos_open_conf(pmcf, log, &conf);

    /* what an earlier process has salvaged, and came no further */

    rc = phr_rescue_place(conf.path, err);
    if (rc != PHR_OK) {
        return rc;
    }

    for (tries = 0; /* void */ ; tries++) {

        rc = ngx_http_pharos_check_before(conf.path, sh, err);

        if (rc == PHR_OK) {
            rc = phr_store_open(&conf, store, err);
        }

        if (rc == PHR_OK) {
            return PHR_OK;
        }

        *store = NULL;

        if (rc != PHR_ECORRUPT || tries) {
            return rc;
        }

        sh->ndamaged++;

        ngx_http_pharos_log_err(NGX_LOG_CRIT, log, err, "opening the store");

        ngx_http_pharos_open_rescue(&conf, log);

        rc = phr_aside_move(conf.path, ngx_http_pharos_now_ms() / 1000, name,
                            err);
        if (rc != PHR_OK) {
            return rc;
        }

        ngx_log_error(NGX_LOG_CRIT, log, 0,
                      "the store in \"%s\" is damaged: it was moved aside "
                      "as \"%s\" and a new one is begun", conf.path, name);

        rc = phr_rescue_place(conf.path, err);
        if (rc != PHR_OK) {
            return rc;
        }
    }
}


static void
ngx_http_pharos_open_conf(ngx_http_pharos_main_conf_t *pmcf, ngx_log_t *log,
    phr_store_conf_t *conf)
{
    ngx_memzero(conf, sizeof(phr_store_conf_t));

    /* nginx terminates the name of a path */
    conf->path = (char *) pmcf->path->name.data;
    conf->map_size_bytes = pmcf->map_size;
    conf->retention_ms = (int64_t) pmcf->retention * 1000;
    conf->retention_bytes = pmcf->retention_size;

    if (pmcf->retention_rules) {
        conf->rules = pmcf->retention_rules->elts;
        conf->nrules = pmcf->retention_rules->nelts;
    }

    ngx_memcpy(conf->coarse, pmcf->coarse, sizeof(conf->coarse));
    conf->out_of_order_ms = pmcf->out_of_order;
    conf->future_ms = NGX_HTTP_PHAROS_FUTURE_MS;
    conf->key = pmcf->encryption_key;
    conf->max_series = pmcf->max_series;
    conf->max_exemplars = pmcf->exemplars;
    conf->max_labels = pmcf->max_labels;
    conf->max_name_bytes = (size_t) pmcf->max_label_name;
    conf->max_value_bytes = (size_t) pmcf->max_label_value;
    conf->max_labels_bytes = (size_t) pmcf->max_labels_size;
    conf->log = ngx_http_pharos_log_callback;
    conf->log_data = log;
}


/* the new one begins with what can be read of the old one */

static void
ngx_http_pharos_open_rescue(const phr_store_conf_t *conf, ngx_log_t *log)
{
    phr_err_t             err;
    phr_salvage_result_t  r;

    phr_err_init(&err);

    if (phr_rescue(conf, &r, &err) != PHR_OK) {
        ngx_log_error(NGX_LOG_CRIT, log, 0,
                      "the damaged store was not salvaged, \"pharos salvage\" "
                      "may: %s", err.text);
        return;
    }

    ngx_log_error(NGX_LOG_CRIT, log, 0,
                  "the damaged store was salvaged: %uL series and %uL samples "
                  "are kept, %uL series and about %uL samples are lost",
                  (uint64_t) r.nseries, (uint64_t) r.nsamples,
                  (uint64_t) r.nseries_lost, (uint64_t) r.nsamples_lost);
}


ngx_int_t
ngx_http_pharos_condemn(ngx_http_pharos_main_conf_t *pmcf, ngx_log_t *log,
    const phr_err_t *why)
{
    phr_err_t  err;

    phr_err_init(&err);

    if (phr_aside_condemn((char *) pmcf->path->name.data, &err) != PHR_OK) {
        ngx_http_pharos_log_err(NGX_LOG_CRIT, log, &err,
                                "noting that the store is damaged");
        return NGX_ERROR;
    }

    ngx_http_pharos_log_err(NGX_LOG_CRIT, log, why, "using a damaged store");

    return NGX_OK;
}
