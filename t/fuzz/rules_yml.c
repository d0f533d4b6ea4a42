/*
 * Copyright (C) The Pharos Authors
 *
 * Any bytes as a file of rules: refused with a place, or taken, and each
 * expression parsed at the place that it has in the file.
 */

#include "fuzz.h"

#include "rules/group.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    phr_err_t                err;
    phr_str_t                text;
    phr_rules_yml_t         *file;
    phr_rule_groups_t       *groups;
    phr_rule_groups_conf_t   conf;

    text = fuzz_copy(data, size);
    phr_err_init(&err);

    memset(&conf, 0, sizeof(conf));
    conf.interval_ms = 60000;
    conf.external_url = phr_str_of("http://x:9090/");

    if (phr_rules_yml_parse(text, "fuzz.yml", &file, &err) == PHR_OK) {

        if (phr_rule_groups_create(&file, 1, &conf, NULL, &groups, &err)
            == PHR_OK)
        {
            phr_rule_groups_destroy(groups);

        } else {
            fuzz_check(err.code < 0 && err.text[0] != '\0' && err.line > 0);
            phr_rules_yml_destroy(file);
        }

    } else {
        fuzz_check(err.code < 0 && err.text[0] != '\0');
    }

    fuzz_free(text);

    return 0;
}
