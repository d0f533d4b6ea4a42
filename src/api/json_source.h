/*
 * Copyright (C) The Pharos Authors
 *
 * JSON source: what the two files of Grafana's JSON data sources share.
 * Their answers are bare JSON, without the envelope of Prometheus's API.
 */

#ifndef PHR_JSON_SOURCE_H_INCLUDED
#define PHR_JSON_SOURCE_H_INCLUDED


#include "api/call.h"
#include "promql/promql.h"


/* status, type and an initialised writer at c->json */
void phr_json_source_begin(phr_call_t *c);


#endif /* PHR_JSON_SOURCE_H_INCLUDED */
