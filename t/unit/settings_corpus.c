/*
 * Copyright (C) The Pharos Authors
 *
 * Settings: real configuration files get the verdict that the genuine tools
 * give them.  The files and verdicts are test input that is not part of the
 * project: without them, in ../shared/corpus or where PHAROS_CORPUS says,
 * the test is skipped.
 */

#include "settings/alertmanager_yml.h"
#include "settings/prometheus_yml.h"
#include "settings/rules_yml.h"

#include <unistd.h>

#include "tap.h"


/* verdicts on what only other layers, or other checks of a tool, look at */
static const char *const  elsewhere[] = {
    /* promtool looks for the file, the server reads it at each scrape */
    "authorization_credentials_file.bad.yml",
    /* a verdict on a target after relabeling, not on the file */
    "url_in_scrape_targetgroup_with_relabel_config.bad.yml",
    /* an expression that does not pass the type check */
    "bad_expr.bad.yaml",
};


/* refused by the tools' versions for nothing but options that came later */
static const char *const  newer[] = {
    "doc/examples/route_labels.yml",
    "doc/examples/simple.yml",
    "scrape_config_global_validation_mode.yml",
    "scrape_config_local_global_validation_mode.yml",
    "scrape_config_local_infer_escaping.yml",
    "scrape_config_local_validation_mode.yml",
    "documentation/examples/prometheus-kubernetes.yml",
    "documentation/examples/prometheus-stackit.yml",
    "documentation/examples/prometheus.yml",
};


static int
is_among(const char *file, const char *const *list, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (strstr(file, list[i]) != NULL) {
            return 1;
        }
    }

    return 0;
}


static int
verdict(const char *tool, const char *path, phr_err_t *err)
{
    int                      rc;
    phr_rules_yml_t         *rules;
    phr_prometheus_yml_t    *prometheus;
    phr_alertmanager_yml_t  *alertmanager;

    if (strcmp(tool, "promtool check rules") == 0) {
        rc = phr_rules_yml_load(path, &rules, err);

        if (rc == PHR_OK) {
            phr_rules_yml_destroy(rules);
        }

    } else if (strcmp(tool, "amtool check-config") == 0) {
        rc = phr_alertmanager_yml_load(path, NULL, &alertmanager, err);

        if (rc == PHR_OK) {
            phr_alertmanager_yml_destroy(alertmanager);
        }

    } else {
        rc = phr_prometheus_yml_load(path, NULL, &prometheus, err);

        if (rc == PHR_OK) {
            phr_prometheus_yml_destroy(prometheus);
        }
    }

    return rc;
}


static void
check(const char *folder, const char *file, const phr_yaml_node_t *node)
{
    int         rc, accepted;
    char        path[1024], text[1024];
    phr_err_t   err;
    phr_str_t   tool, want, newest;

    (void) phr_yaml_text(phr_yaml_get(node, "tool"), &tool);
    (void) phr_yaml_text(phr_yaml_get(node, "verdict"), &want);

    if (strstr(tool.data, "web-config") != NULL
        || strstr(tool.data, "check") == NULL
        || strstr(tool.data, "template") != NULL
        || strstr(tool.data, "without") != NULL
        || is_among(file, elsewhere, phr_nelems(elsewhere)))
    {
        return;
    }

    /* where versions differ, the newest is right */

    if (phr_yaml_text(phr_yaml_get(node, "newest version"), &newest)
        == PHR_OK)
    {
        want = newest;

    } else if (is_among(file, newer, phr_nelems(newer))) {
        want = phr_str_of("accepted");
    }

    accepted = phr_str_eq(want, phr_str_of("accepted"));

    snprintf(path, sizeof(path), "%s/%s", folder, file);
    phr_err_init(&err);

    rc = verdict(strncmp(tool.data, "promtool check config", 21) == 0
                 ? "promtool check config" : tool.data, path, &err);

    if (!ok((rc == PHR_OK) == accepted, "%s is %s", file, want.data)) {
        printf("#   %s\n", phr_err_format(&err, text, sizeof(text)));
    }

    if (rc != PHR_OK) {
        ok(err.file[0] != '\0' && err.line > 0 && err.text[0] != '\0',
           "file, line and reason are told of %s", file);
    }
}


int
main(void)
{
    size_t                  i, j;
    const char             *folder;
    char                    path[1024];
    phr_err_t               err;
    phr_str_t               text, file;
    phr_arena_t            *a;
    const phr_yaml_node_t  *list, *checks;

    folder = getenv("PHAROS_CORPUS");

    if (folder == NULL || *folder == '\0') {
        folder = "../shared/corpus";
    }

    snprintf(path, sizeof(path), "%s/verdicts.json", folder);

    if (access(path, R_OK) == -1) {
        printf("1..0 # SKIP no corpus\n");
        return 0;
    }

    a = phr_arena_create(0);

    if (a == NULL || phr_loader_read(a, path, &text, &err) != PHR_OK
        || phr_yaml_parse(a, text, path, &list, &err) != PHR_OK
        || list == NULL)
    {
        printf("Bail out! %s\n", err.text);
        return 1;
    }

    for (i = 0; i < list->n; i++) {
        (void) phr_yaml_text(phr_yaml_get(list->items[i], "file"), &file);
        checks = phr_yaml_get(list->items[i], "checks");

        for (j = 0; checks != NULL && j < checks->n; j++) {
            check(folder, file.data, checks->items[j]);
        }
    }

    phr_arena_destroy(a);

    return done_testing();
}
